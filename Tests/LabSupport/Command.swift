internal import Glibc

/// Runs a program to its end, in the network namespace of the calling thread.
public enum Command {
    /// Runs a program found in PATH; throws if it did not exit with 0.
    ///
    /// - Returns: what it wrote to its standard output.
    @discardableResult
    public static func run(_ words: String...) throws -> String { try run(words) }

    /// Runs a program found in PATH; throws if it did not exit with 0.
    @discardableResult
    public static func run(_ words: [String], input: String = "") throws -> String {
        let line = words.joined(separator: " ")
        // A here-document would need a second pipe and a poll loop; a shell is there in every lab.
        let quoted = words.map {
            "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }
        var shell = quoted.joined(separator: " ")
        if !input.isEmpty { shell += " <<'CTSYNC_END'\n\(input)\nCTSYNC_END" }
        guard let stream = unsafe popen(shell, "re") else {
            throw NetworkNamespace.Failure.command(line, status: -1)
        }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe fread(&chunk, 1, chunk.count, stream)
            if count == 0 { break }
            output += chunk[..<count]
        }
        let status = unsafe pclose(stream)
        guard status == 0 else { throw NetworkNamespace.Failure.command(line, status: status) }
        return String(decoding: output, as: UTF8.self)
    }

    /// Returns when an address has answered a ping.
    ///
    /// The kernel notices a carrier, and who is at the other end, by deferred work: a second later, or many where
    /// namespaces are being removed meanwhile. Until then a device drops what it sends.
    ///
    /// - Throws: the failure of the last try, a minute after the first at the earliest.
    public static func waitForAnswer(from address: String) throws {
        for _ in 0..<600 {
            if (try? run("ping", "-q", "-c", "1", "-W", "1", address)) != nil { return }
            usleep(100_000)
        }
        try run("ping", "-c", "1", "-W", "1", address)
    }
}
