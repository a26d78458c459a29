internal import Glibc

/// Paths as the file system understands them.
public enum FilePath {
    /// The path without links and dots (realpath(3)), or as it is if there is no such file.
    public static func canonical(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// The existing paths that a pattern with `*`, `?` or `[` matches, sorted (glob(3)).
    public static func matching(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0, let paths = unsafe found.gl_pathv else { return [] }
        return (0..<Int(unsafe found.gl_pathc)).compactMap { index in
            unsafe paths[index].map { unsafe String(cString: $0) }
        }
    }
}
