internal import Glibc

/// The process's environment.
public enum Environment {
    /// The value of a variable; nil if it is not set.
    public static func value(of name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
