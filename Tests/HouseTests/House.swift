import FoundationEssentials

/// The repository as text, found from where this file was compiled.
enum House {
    /// The root of the repository, without a trailing slash.
    static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")

    /// One file of the house.
    struct File: Sendable {
        /// The path below the root.
        let path: String
        let text: String

        var name: String { String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]) }
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// The target of a source file.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    }

    /// Every text file that belongs to the project: neither build products nor version control.
    static let files: [File] = read(below: "").sorted { $0.path < $1.path }

    /// The Swift files of the product.
    static let sources = files.filter { $0.path.hasPrefix("Sources/") && $0.path.hasSuffix(".swift") }

    /// The Swift files of product and tests.
    static let swift = files.filter { $0.path.hasSuffix(".swift") }

    /// What stands at the top, without what git and the build keep there.
    static let topLevel = names(in: root).filter { !$0.hasPrefix(".") || $0 == ".ci" }

    private static let unread = [".png", ".gz", ".bin", ".pcap"]

    private static func names(in directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }

    private static func read(below directory: String) -> [File] {
        var found: [File] = []
        for name in names(in: root + "/" + directory) {
            let hidden = name.hasPrefix(".") && ![".ci", ".swift-format", ".gitignore"].contains(name)
            if hidden || name == "Package.resolved" || unread.contains(where: name.hasSuffix) { continue }
            let path = directory.isEmpty ? name : directory + "/" + name
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isDirectory) else { continue }
            if isDirectory {
                // Where a lab run leaves its logs.
                if path != "Tests/Lab/out" { found += read(below: path) }
            } else if let text = try? String(contentsOfFile: root + "/" + path, encoding: .utf8) {
                found.append(File(path: path, text: text))
            }
        }
        return found
    }
}
