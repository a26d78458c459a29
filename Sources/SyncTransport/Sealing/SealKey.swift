internal import Bytes
internal import Crypto

/// A key that the nodes of a link share: an id and 32 secret bytes, which are wiped when the last copy goes.
///
/// It seals nothing itself: each run of each sender derives a key of its own from it.
public struct SealKey: Sendable {
    /// Bytes of the secret.
    public static let secretSize = 32

    /// What datagrams name it by, 1 to 255.
    public let id: UInt8
    let secret: SymmetricKey

    /// Makes a key of 32 bytes, and wipes them where the caller had them; nil for another count, or an id of 0.
    public init?(id: UInt8, wiping bytes: inout [UInt8]) {
        guard id != 0, bytes.count == Self.secretSize else { return nil }
        self.id = id
        secret = unsafe bytes.withUnsafeBytes { unsafe SymmetricKey(data: $0) }
        bytes.wipe()
    }

    /// Eight hexadecimal digits that tell keys apart and say nothing about them.
    public var fingerprint: String {
        let derived = SealDerivation.derive(from: secret, "ctsync-ha fingerprint", byteCount: 4)
        return unsafe derived.withUnsafeBytes { bytes in
            unsafe bytes.map { byte in
                let digits = String(byte, radix: 16)
                return byte < 16 ? "0" + digits : digits
            }.joined()
        }
    }

    /// Whether two keys are the same secret, in constant time.
    public func isSame(as other: SealKey) -> Bool { secret == other.secret }
}

/// Keys derived from keys (HKDF with SHA-256, RFC 5869).
enum SealDerivation {
    /// The key with which one run of one sender seals.
    static func sending(_ key: SealKey, sender: UInt32, incarnation: UInt64) -> SymmetricKey {
        derive(from: key.secret, "ctsync-ha seal 1", key.id, sender, incarnation, byteCount: SealKey.secretSize)
    }

    static func derive(
        from secret: SymmetricKey, _ purpose: String, _ id: UInt8 = 0, _ sender: UInt32 = 0, _ incarnation: UInt64 = 0,
        byteCount: Int
    ) -> SymmetricKey {
        var information = Array(purpose.utf8)
        information.append(id)
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            information.append(UInt8(truncatingIfNeeded: sender >> shift))
        }
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            information.append(UInt8(truncatingIfNeeded: incarnation >> shift))
        }
        return HKDF<SHA256>.deriveKey(inputKeyMaterial: secret, info: information, outputByteCount: byteCount)
    }
}
