public import Bytes

/// What one node's sealing asks another's, and what that answers; neither is seen by anybody above.
///
/// | body | bytes |
/// |---|---|
/// | challenge | kind 1, whom it is for (4), nonce (8) |
/// | answer | kind 2, who asked (4), in which incarnation (8), the nonce (8), the highest sequence sealed so far (8) |
///
/// Both go to everybody on the link, and concern the one they name.
public enum SealingQuestion: Equatable, Sendable {
    /// Whoever bears this sender number says which run it is, and where it stands.
    case challenge(target: UInt32, nonce: UInt64)
    /// The challenger's nonce, from the run that the front names, and its highest sequence so far.
    case answer(challenger: UInt32, incarnation: UInt64, nonce: UInt64, counter: UInt64)

    /// Bytes of a datagram with one of these at most, its seal included.
    public static let datagramSize = SealedFront.size + 29 + SealedFront.tagSize

    /// Writes the datagram that carries it, in the clear and without its seal.
    public func encode(_ front: SealedFront, into writer: inout ByteWriter) {
        writer.append(DatagramHeader.magic)
        writer.append(DatagramHeader.wireVersion)
        writer.append(SealedFront.ownFlag)
        writer.append(front.keyID)
        writer.append(front.link)
        writer.append(front.sender)
        writer.append(front.incarnation)
        writer.append(UInt64(0))
        writer.append(front.sequence)
        switch self {
        case .challenge(let target, let nonce):
            writer.append(UInt8(1))
            writer.append(target)
            writer.append(nonce)
        case .answer(let challenger, let incarnation, let nonce, let counter):
            writer.append(UInt8(2))
            writer.append(challenger)
            writer.append(incarnation)
            writer.append(nonce)
            writer.append(counter)
        }
    }

    /// Reads it from an opened datagram without its seal; nil if it is none.
    ///
    /// Bytes behind the fields are ignored, so that a later version can add some.
    public init?(_ bytes: borrowing RawSpan) {
        var cursor = ByteCursor(bytes)
        do {
            try cursor.skip(SealedFront.size)
            switch try cursor.readUInt8(bytes) {
            case 1:
                self = .challenge(target: try cursor.readUInt32(bytes), nonce: try cursor.readUInt64(bytes))
            case 2:
                self = .answer(
                    challenger: try cursor.readUInt32(bytes), incarnation: try cursor.readUInt64(bytes),
                    nonce: try cursor.readUInt64(bytes), counter: try cursor.readUInt64(bytes))
            default: return nil
            }
        } catch {
            return nil
        }
    }
}
