internal import Glibc

/// The groups of the system (group(5), or what nsswitch.conf says).
public enum UnixGroup {
    /// The number of a group that is given by name or number; nil if no group has that name.
    public static func number(of text: String) -> UInt32? {
        if let number = UInt32(text) { return number }
        var entry = unsafe group()
        var found: UnsafeMutablePointer<group>?
        // A group with many members needs more than the usual size; what needs 1 MiB is not ours.
        var size = 4_096
        while size <= 1 << 20 {
            var memory = [CChar](repeating: 0, count: size)
            let result = unsafe getgrnam_r(text, &entry, &memory, size, &found)
            if result == 0 { return unsafe found == nil ? nil : entry.gr_gid }
            guard result == ERANGE else { return nil }
            size *= 4
        }
        return nil
    }
}
