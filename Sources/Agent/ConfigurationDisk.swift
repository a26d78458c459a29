internal import CLinux
public import Configuration
internal import Glibc
internal import LinuxIO

/// The disk as a configuration's loader: globs as in glob(7), canonical paths, bounded files.
public struct ConfigurationDisk: ConfigurationLoader {
    /// Makes a loader.
    public init() {}

    /// The files that a pattern names, sorted by path.
    public func files(
        matching pattern: String, includedFrom includer: String?
    ) throws(ConfigurationLoadError) -> [ConfigurationFile] {
        var pattern = pattern
        if !pattern.hasPrefix("/"), let includer, let slash = includer.lastIndex(of: "/") {
            pattern = includer[...slash] + pattern
        }
        let isGlob = pattern.contains { "*?[".contains($0) }
        var files: [ConfigurationFile] = []
        for path in isGlob ? Self.expand(pattern) : [pattern] { files.append(try Self.read(path)) }
        return files
    }

    private static func expand(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(unsafe found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }

    private static func read(_ path: String) throws(ConfigurationLoadError) -> ConfigurationFile {
        do {
            let bytes = try SmallFile.read(path, limit: ConfigurationLimit.fileBytes)
            return ConfigurationFile(path: canonical(path), bytes: bytes)
        } catch {
            switch error {
            case .missing: throw .notFound
            case .tooLarge: throw .tooLarge
            case .system(let failure) where failure.number == EACCES: throw .notPermitted
            case .system(let failure) where failure.number == EISDIR: throw .notAFile
            case .system(let failure): throw .failed(call: failure.call.description, code: failure.number)
            }
        }
    }

    private static func canonical(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }
}
