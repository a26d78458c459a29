public import Bytes

/// One message of a netlink datagram: its header's fields and where its payload lies (struct nlmsghdr).
public struct NetlinkMessage: Sendable {
    /// Subsystem << 8 | message, or one of the control types below.
    public let type: UInt16
    public let flags: UInt16
    public let sequence: UInt32
    /// Whose request caused an event; 0 is the kernel's own doing.
    public let portID: UInt32
    /// The bytes behind the header.
    public let payload: ByteCursor

    /// NLMSG_ERROR: an error, or an acknowledgement.
    static let error: UInt16 = 2
    /// NLMSG_DONE: the end of a dump.
    static let done: UInt16 = 3
    static let headerSize = 16

    enum Flags {
        static let request: UInt16 = 0x01
        static let acknowledge: UInt16 = 0x04
        static let dumpInterrupted: UInt16 = 0x10
        static let dump: UInt16 = 0x300
        /// NLM_F_EXCL of a creating request; in an event, with `create`, the mark of a new flow.
        static let exclusive: UInt16 = 0x200
        static let create: UInt16 = 0x400
    }

    /// Reads the next message of a datagram and moves the cursor behind it.
    public init(_ bytes: borrowing RawSpan, _ cursor: inout ByteCursor) throws(MessageRefusal) {
        let whole = cursor.remaining
        do {
            let length = Int(try cursor.readNativeUInt32(bytes))
            guard length >= Self.headerSize, length <= whole else { throw MessageRefusal.truncatedMessage }
            type = try cursor.readNativeUInt16(bytes)
            flags = try cursor.readNativeUInt16(bytes)
            sequence = try cursor.readNativeUInt32(bytes)
            portID = try cursor.readNativeUInt32(bytes)
            payload = try cursor.slice(length - Self.headerSize)
            try cursor.skip(min(-length & 3, cursor.remaining))
        } catch {
            throw .truncatedMessage
        }
    }

    /// The errno of an error message and the sequence number of the request it answers (struct nlmsgerr).
    func failure(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> (errno: Int32, sequence: UInt32) {
        var cursor = payload
        do {
            let code = Int32(bitPattern: try cursor.readNativeUInt32(bytes))
            try cursor.skip(8)
            return (0 &- code, try cursor.readNativeUInt32(bytes))
        } catch {
            throw .truncatedMessage
        }
    }
}
