internal import ArgumentParser
internal import Conntrack

/// `lab flows`: the kernel's table as libnetfilter_conntrack reads it.
struct FlowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows", abstract: "Print this namespace's flows and expectations, one a line.",
        discussion: "Flags of TCP are the kernel's numbers, original/reply; 8 among them is liberal about windows.")

    func run() throws {
        for entry in try KernelSnapshot().entries {
            let values = entry.values.map { "\($0.name)=\($0.text.replacing(" ", with: ","))" }.joined(separator: " ")
            print("\(entry.kind) \(entry.original.protocol.name) \(entry.original.words): \(values)")
        }
        flushOutput()
    }
}
