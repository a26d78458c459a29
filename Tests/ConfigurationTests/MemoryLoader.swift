import Configuration

/// Files in memory; one `*` in a pattern's last part stands for any text.
struct MemoryLoader: ConfigurationLoader {
    var files: [String: String]

    func files(
        matching pattern: String, includedFrom includer: String?
    ) throws(ConfigurationLoadError) -> [ConfigurationFile] {
        var path = pattern
        if !pattern.hasPrefix("/"), let includer, let slash = includer.lastIndex(of: "/") {
            path = includer[...slash] + pattern
        }
        if let star = path.firstIndex(of: "*") {
            let (front, back) = (path[..<star], path[path.index(after: star)...])
            return files.filter { $0.key.hasPrefix(front) && $0.key.hasSuffix(back) }
                .sorted { $0.key < $1.key }
                .map { ConfigurationFile(path: $0.key, bytes: Array($0.value.utf8)) }
        }
        guard let text = files[path] else { throw .notFound }
        return [ConfigurationFile(path: path, bytes: Array(text.utf8))]
    }
}

/// Reads one text as `/r1.conf`, with other files beside it.
func read(_ text: String, beside others: [String: String] = [:]) -> ConfigurationReading {
    let loader = MemoryLoader(files: others.merging(["/r1.conf": text]) { first, _ in first })
    return AgentConfiguration.read(path: "/r1.conf", hostName: "r1", loader: loader)
}

/// The least that is valid without a warning.
let least = "interface sync0; vrrp { sync-group syncgrp }\n"
