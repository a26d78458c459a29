/// Reads the files that a configuration names; the caller has the disk, this target has none.
public protocol ConfigurationLoader {
    /// The files that `pattern` names, sorted by path.
    ///
    /// A relative pattern starts at the folder of `includer`. A pattern with wildcards may name nothing; one without
    /// that names nothing throws `notFound`. Paths in the answer are canonical, so that a loop can be seen. A file of
    /// more than `ConfigurationLimit.fileBytes` throws `tooLarge`.
    func files(
        matching pattern: String, includedFrom includer: String?
    ) throws(ConfigurationLoadError) -> [ConfigurationFile]
}

/// One file of a configuration.
public struct ConfigurationFile: Sendable, Equatable {
    public var path: String
    public var bytes: [UInt8]

    /// Makes a file of its bytes.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

/// Why a file could not be read.
public enum ConfigurationLoadError: Error, Hashable, Sendable {
    case notFound
    case notPermitted
    /// A folder, a device or the like.
    case notAFile
    case tooLarge
    /// A system call failed with this code.
    case failed(call: String, code: Int32)

    /// What is wrong, as the end of a sentence that begins with the path.
    public var what: String {
        switch self {
        case .notFound: "does not exist"
        case .notPermitted: "may not be read"
        case .notAFile: "is not a regular file"
        case .tooLarge: "is larger than \(ConfigurationLimit.fileBytes) bytes"
        case .failed(let call, let code): "cannot be read: \(call) failed with error \(code)"
        }
    }

    /// What to do.
    public var remedy: String {
        switch self {
        case .notFound: "create it, or name another file"
        case .notPermitted: "give the agent's user the right to read it"
        case .notAFile: "name a file"
        case .tooLarge: "split it with include"
        case .failed: "look at the disk and at the path"
        }
    }
}
