internal import Glibc

/// What this machine lets a test do.
public enum Lab {
    /// Whether namespaces can be made and tables written.
    public static var isPrivileged: Bool { geteuid() == 0 }
}
