internal import Bytes

/// What stands in the clear before a sealed datagram, as far as sealing reads it.
///
/// It is the header of every datagram (`DatagramHeader`): sealing fills in the key id and the link, and leaves both
/// zero when it has opened the datagram. Bit 7 of the flags marks a datagram of sealing's own, which nobody above sees.
/// All of it is authenticated; the messages behind it are ciphertext, and the tag is the datagram's end.
public struct SealedFront: Equatable, Sendable {
    /// Bytes in the clear.
    public static let size = DatagramHeader.size
    /// Bytes of the seal at the datagram's end.
    public static let tagSize = 16
    /// Where the key id stands.
    public static let keyOffset = 4
    /// Where the link's number stands.
    public static let linkOffset = 5
    /// The flag of sealing's own datagrams.
    static let ownFlag: UInt8 = 0x80

    /// Whether it is a datagram of sealing's own: a challenge or an answer.
    public let isOwn: Bool
    /// Which key sealed it.
    public let keyID: UInt8
    /// The link that it was sealed for.
    public let link: UInt8
    /// The node that sealed it.
    public let sender: UInt32
    /// The run of its agent.
    public let incarnation: UInt64
    /// Counts the sender's datagrams; sealing's own are counted apart.
    public let sequence: UInt64

    /// Makes the front of a datagram.
    public init(isOwn: Bool, keyID: UInt8, link: UInt8, sender: UInt32, incarnation: UInt64, sequence: UInt64) {
        self.isOwn = isOwn
        self.keyID = keyID
        self.link = link
        self.sender = sender
        self.incarnation = incarnation
        self.sequence = sequence
    }

    /// Reads a front; nil if these bytes are no datagram of ours.
    public init?(_ bytes: borrowing RawSpan) {
        var cursor = ByteCursor(bytes)
        do {
            guard try cursor.readUInt16(bytes) == DatagramHeader.magic else { return nil }
            // The version is the business of whoever reads the messages.
            try cursor.skip(1)
            isOwn = try cursor.readUInt8(bytes) & Self.ownFlag != 0
            keyID = try cursor.readUInt8(bytes)
            link = try cursor.readUInt8(bytes)
            sender = try cursor.readUInt32(bytes)
            incarnation = try cursor.readUInt64(bytes)
            try cursor.skip(8)
            sequence = try cursor.readUInt64(bytes)
        } catch {
            return nil
        }
    }

    /// The first four of the nonce's twelve bytes, as a number; the sequence is the others.
    ///
    /// A key seals for one sender in one incarnation. What it seals is told apart by the sequence, and the two counts
    /// of sequences and the links, over which the same datagram may go, are told apart here.
    public var noncePrefix: UInt32 { (isOwn ? 1 << 24 : 0) | UInt32(link) << 16 }
}
