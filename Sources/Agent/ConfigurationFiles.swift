public import Configuration
internal import Glibc

/// Reads configuration files from the disk.
public struct ConfigurationFiles: ConfigurationLoader {
    /// Makes a loader.
    public init() {}

    /// The files that a pattern names; see `ConfigurationLoader`.
    public func files(
        matching pattern: String, includedFrom includer: String?
    ) throws(ConfigurationLoadError) -> [ConfigurationFile] {
        var path = pattern
        if !pattern.hasPrefix("/"), let includer, let slash = includer.lastIndex(of: "/") {
            path = includer[...slash] + pattern
        }
        var files: [ConfigurationFile] = []
        if path.contains(where: { "*?[".contains($0) }) {
            for match in Self.expand(path) { files.append(try Self.read(match, named: match)) }
        } else {
            // The file that the operator named keeps that name in messages.
            files.append(try Self.read(path, named: includer == nil ? path : Self.canonical(path)))
        }
        return files
    }

    /// Existing paths that a pattern matches, sorted (glob(3)).
    private static func expand(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0, let paths = unsafe found.gl_pathv else { return [] }
        return (0..<Int(unsafe found.gl_pathc)).compactMap { index in
            guard let path = unsafe paths[index] else { return nil }
            return canonical(unsafe String(cString: path))
        }
    }

    /// The path without links and dots, or as it is if there is no such file.
    private static func canonical(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private static func read(_ path: String, named name: String) throws(ConfigurationLoadError) -> ConfigurationFile {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw error(of: "open") }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw error(of: "fstat") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw error(of: "read") }
            if count == 0 { break }
            bytes += chunk.prefix(count)
            guard bytes.count <= ConfigurationLimit.fileBytes else { throw .tooLarge }
        }
        return ConfigurationFile(path: name, bytes: bytes)
    }

    private static func error(of call: String) -> ConfigurationLoadError {
        switch errno {
        case ENOENT, ENOTDIR: .notFound
        case EACCES, EPERM: .notPermitted
        default: .failed(call: call, code: errno)
        }
    }
}

extension AgentConfiguration {
    /// Reads a configuration from the disk, with this machine's name and protocols.
    public static func read(path: String) -> ConfigurationReading {
        let files = ConfigurationFiles()
        let protocols = (try? files.files(matching: "/etc/protocols", includedFrom: nil))?.first
        return read(
            path: path, hostName: machineName(),
            protocols: protocols.map { ProtocolNames(protocolsFile: String(decoding: $0.bytes, as: UTF8.self)) }
                ?? ProtocolNames(),
            loader: files)
    }

    private static func machineName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        let result = unsafe name.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return Int32(-1) }
            return unsafe gethostname(start, buffer.count - 1)
        }
        guard result == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
