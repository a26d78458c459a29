internal import Glibc

/// The users of this system (passwd(5)).
public enum UnixUser {
    /// The number of a user, given by name or number; nil if there is none such.
    public static func number(of text: String) -> UInt32? {
        if let number = UInt32(text) { return number }
        guard let entry = unsafe getpwnam(text) else { return nil }
        return unsafe entry.pointee.pw_uid
    }

    /// The user that this process acts as.
    public static var own: UInt32 { geteuid() }
}

/// This machine.
public enum UnixHost {
    /// The machine's name up to the first dot, as `hostname -s` prints it.
    public static func name() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        let text = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(text.prefix { $0 != "." })
    }
}
