public import Configuration
internal import Glibc
internal import LinuxIO

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
        guard path.contains(where: { "*?[".contains($0) }) else {
            // The file that the operator named keeps that name in messages.
            return [try Self.read(path, named: includer == nil ? path : FilePath.canonical(path))]
        }
        var files: [ConfigurationFile] = []
        for match in FilePath.matching(path) { files.append(try Self.read(match, named: FilePath.canonical(match))) }
        return files
    }

    private static func read(_ path: String, named name: String) throws(ConfigurationLoadError) -> ConfigurationFile {
        do throws(SmallFile.ReadFailure) {
            return ConfigurationFile(path: name, bytes: try SmallFile.read(path, limit: ConfigurationLimit.fileBytes))
        } catch {
            switch error {
            case .missing: throw .notFound
            case .tooLarge: throw .tooLarge
            case .system(let failure):
                switch failure.number {
                case ENOTDIR: throw .notFound
                case EACCES, EPERM: throw .notPermitted
                case EISDIR: throw .notAFile
                default: throw .failed(call: failure.call.description, code: failure.number)
                }
            }
        }
    }
}

extension AgentConfiguration {
    /// Reads a configuration from the disk, with this machine's name and protocols.
    public static func read(path: String) -> ConfigurationReading {
        let protocols = try? SmallFile.readText("/etc/protocols")
        return read(
            path: path, hostName: HostName.read(),
            protocols: protocols.map(ProtocolNames.init(protocolsFile:)) ?? ProtocolNames(),
            loader: ConfigurationFiles())
    }
}
