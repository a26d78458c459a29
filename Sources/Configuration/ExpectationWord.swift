internal import Conntrack

/// VyOS's words for helpers; each stands for one or several of the kernel's.
enum ExpectationWord: String, CaseIterable {
    case ftp
    case sip
    case h323
    case nfs
    case sqlnet

    /// The names that the kernel and the helpers of conntrackd give them.
    var helpers: [String] {
        switch self {
        case .ftp: ["ftp"]
        case .sip: ["sip"]
        case .h323: ["RAS", "Q.931", "H.245"]
        case .nfs: ["rpc"]
        case .sqlnet: ["tns"]
        }
    }

    /// Helpers that have no word of VyOS's: those of the kernel (net/netfilter/nf_conntrack_*.c) and of conntrackd in
    /// user space.
    static let others = [
        "amanda", "irc", "netbios-ns", "pptp", "sane", "snmp", "snmp_trap", "tftp", "dhcpv6", "mdns", "slp", "ssdp",
    ]

    /// What `expect-sync` may name without a warning.
    static var known: [String] {
        ["all", "none"] + allCases.map(\.rawValue) + others + allCases.flatMap(\.helpers)
    }
}

extension ConfigurationReader {
    /// Reads `expect-sync`: VyOS's words, any other helper by the kernel's name, `all`, or `none` alone.
    mutating func readExpectSync(_ statement: Statement) {
        for value in several(RootWord.expectSync, statement) {
            if value.text == "none" {
                noExpectations = noExpectations ?? value.position
                continue
            }
            if value.text == "all" {
                acceptsAllHelpers = true
            } else if let word = ExpectationWord(rawValue: value.text) {
                helpers.formUnion(word.helpers.compactMap { KernelName($0) })
            } else if let name = KernelName(value.text), name.count <= KernelName.helperLimit {
                helpers.insert(name)
                guard !ExpectationWord.known.contains(value.text) else { continue }
                let near = Spelling.nearest(to: value.text, among: ExpectationWord.known)
                warn(
                    value.position, "no helper called `\(value.text)` is known here",
                    remedy: near.map { "did you mean `\($0)`?" } ?? "leave it if this kernel has one")
            } else {
                error(
                    value.position, "`\(value.text)` is no helper's name",
                    remedy: "write at most \(KernelName.helperLimit) printable letters, all or none")
            }
        }
    }

    /// Fills the selection in when all was said.
    mutating func finishExpectSync() {
        if let none = noExpectations {
            draft.expectationHelpers = .none
            guard !helpers.isEmpty || acceptsAllHelpers else { return }
            return error(
                none, "`expect-sync` says none and names helpers too", remedy: "write none alone, or leave it out")
        }
        if !helpers.isEmpty, !acceptsAllHelpers { draft.expectationHelpers = .named(helpers) }
    }
}
