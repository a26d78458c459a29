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
