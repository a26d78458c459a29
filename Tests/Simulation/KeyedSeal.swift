internal import Bytes
public import SyncProtocol

/// What stands in the place of a cipher: a keyed hash over front, body and key id, which nobody here can forge.
public enum KeyedSeal {
    /// The sealed datagram of one in the clear.
    public static func seal(_ clear: [UInt8], _ front: SealedFront) -> [UInt8] {
        var bytes = clear
        bytes[SealedFront.keyOffset] = front.keyID
        bytes[SealedFront.linkOffset] = front.link
        return bytes + tag(bytes, front.keyID)
    }

    /// The datagram that was sealed, still with its key id and link; nil if the seal is wrong.
    public static func open(_ sealed: [UInt8], _ front: SealedFront) -> [UInt8]? {
        let body = Array(sealed.dropLast(SealedFront.tagSize))
        return Array(sealed.suffix(SealedFront.tagSize)) == tag(body, front.keyID) ? body : nil
    }

    private static func tag(_ bytes: [UInt8], _ key: UInt8) -> [UInt8] {
        let sum = fingerprint(bytes, SipHash.Key(0x5ea1, UInt64(key)))
        let halves = stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: sum >> $0) }
        return halves + halves.map { ~$0 }
    }

    /// A number that stands for these bytes.
    static func fingerprint(_ bytes: [UInt8], _ key: SipHash.Key) -> UInt64 {
        var hash = SipHash(key)
        hash.combine(UInt64(bytes.count))
        var word: UInt64 = 0
        var places = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            places += 1
            if places % 8 == 0 {
                hash.combine(word)
                word = 0
            }
        }
        hash.combine(word)
        return hash.finish()
    }
}
