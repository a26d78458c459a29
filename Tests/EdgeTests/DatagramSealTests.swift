import Bytes
import Crypto
import FoundationEssentials
import Testing

@testable import SyncTransport

@Suite struct DatagramSealTests {
    static let frontSize = 34
    static let nonce = DatagramSeal.Nonce(prefix: 0, counter: 5)

    private func key(_ id: UInt8, _ byte: UInt8 = 7) throws -> SealKey {
        var bytes = [UInt8](repeating: byte, count: 32)
        return try #require(SealKey(id: id, wiping: &bytes))
    }

    /// A seal where expectations can ask it: they take no values that cannot be copied.
    private final class Node {
        var seal: DatagramSeal

        init(sender: UInt32, incarnation: UInt64, _ keys: [SealKey]) {
            seal = DatagramSeal(sender: sender, incarnation: incarnation, frontSize: frontSize)
            for key in keys { seal.add(key) }
        }
    }

    private func seal(sender: UInt32 = 1, incarnation: UInt64 = 50, _ keys: [SealKey]) -> Node {
        Node(sender: sender, incarnation: incarnation, keys)
    }

    private func batch(_ datagrams: [[UInt8]]) -> DatagramBatch {
        var batch = DatagramBatch(limit: 4, datagramCapacity: 1_500)
        for datagram in datagrams { batch.append(datagram.span.bytes, source: 3) }
        return batch
    }

    private func sealed(
        _ plain: [UInt8], _ node: Node, key: UInt8 = 1, _ nonce: DatagramSeal.Nonce = nonce
    ) -> [UInt8]? {
        var batch = batch([plain])
        let isSealed = node.seal.seal(&batch, 0, key: key, nonce)
        let left = batch.withDatagram(0) { [UInt8]($0) }
        if !isSealed { #expect(left == plain, "a datagram was changed and not sealed") }
        return isSealed ? left : nil
    }

    private func opened(
        _ bytes: [UInt8], _ node: Node, key: UInt8 = 1, sender: UInt32 = 1, incarnation: UInt64 = 50,
        _ nonce: DatagramSeal.Nonce = nonce
    ) -> [UInt8]? {
        var batch = batch([bytes])
        let origin = DatagramSeal.Origin(key: key, sender: sender, incarnation: incarnation)
        let isRight = node.seal.open(&batch, 0, from: origin, nonce)
        let left = batch.withDatagram(0) { [UInt8]($0) }
        if !isRight { #expect(left == bytes, "a refused datagram was changed") }
        return isRight ? left : nil
    }

    private static let plain = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    @Test(arguments: [34, 35, 50, 300, 1_484])
    func `what was sealed opens, and only its front is in the clear`(count: Int) throws {
        let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let sender = seal([try key(1)])
        let receiver = seal(sender: 2, incarnation: 9, [try key(1)])
        let bytes = try #require(sealed(plain, sender))
        #expect(bytes.count == count + DatagramSeal.tagSize && bytes[..<34] == plain[..<34])
        if count > 50 { #expect(!bytes[34...].contains(plain[34..<42])) }
        #expect(opened(bytes, receiver) == plain)
        #expect(opened(bytes, receiver) == plain)
    }

    @Test func `every change of a single byte is refused, and so is every cut`() throws {
        let sender = seal([try key(1)])
        let receiver = seal(sender: 2, [try key(1)])
        let bytes = try #require(sealed(Array(Self.plain.prefix(64)), sender))
        for place in bytes.indices {
            for change in [UInt8(0x01), 0x80, 0xff] {
                var changed = bytes
                changed[place] ^= change
                #expect(opened(changed, receiver) == nil, "byte \(place) changed by \(change)")
            }
        }
        for count in 0..<bytes.count { #expect(opened(Array(bytes[..<count]), receiver) == nil) }
        #expect(opened(bytes + [0], receiver) == nil)
        #expect(opened(bytes, receiver) != nil)
    }

    @Test func `another key, sender, incarnation or nonce opens nothing`() throws {
        let sender = seal([try key(1)])
        let receiver = seal(sender: 2, [try key(1), try key(2), try key(3, 8)])
        let bytes = try #require(sealed(Self.plain, sender))
        #expect(opened(bytes, receiver, key: 2) == nil)
        #expect(opened(bytes, receiver, key: 3) == nil)
        #expect(opened(bytes, receiver, key: 4) == nil)
        #expect(opened(bytes, receiver, sender: 2) == nil)
        #expect(opened(bytes, receiver, incarnation: 51) == nil)
        #expect(opened(bytes, receiver, .init(prefix: 1, counter: 5)) == nil)
        #expect(opened(bytes, receiver, .init(prefix: 0, counter: 6)) == nil)
        #expect(opened(bytes, receiver) == Self.plain)
    }

    @Test func `the same words under another nonce or by another sender look different`() throws {
        let first = seal([try key(1)])
        let second = seal(incarnation: 51, [try key(1)])
        let texts = [
            sealed(Self.plain, first), sealed(Self.plain, first, .init(prefix: 0, counter: 6)),
            sealed(Self.plain, first, .init(prefix: 1, counter: 5)), sealed(Self.plain, second),
        ]
        #expect(Set(texts.map { $0.map { Array($0[34...]) } }).count == 4)
    }

    @Test func `a key that is gone seals and opens nothing`() throws {
        let one = seal([try key(1), try key(2)])
        let bytes = try #require(sealed(Self.plain, one))
        #expect(opened(bytes, one) != nil)
        one.seal.remove(1)
        #expect(sealed(Self.plain, one) == nil && opened(bytes, one) == nil && one.seal.key(1) == nil)
        #expect(sealed(Self.plain, one, key: 2) != nil)
    }

    @Test func `what does not fit a place is not sealed`() throws {
        let one = seal([try key(1)])
        #expect(sealed([UInt8](repeating: 0, count: 1_485), one) == nil)
        #expect(sealed([UInt8](repeating: 0, count: 33), one) == nil)
    }

    @Test func `a key is taken from 32 bytes, which are wiped`() throws {
        var bytes = [UInt8](repeating: 9, count: 32)
        let key = try #require(SealKey(id: 1, wiping: &bytes))
        #expect(bytes == [UInt8](repeating: 0, count: 32))
        var short = [UInt8](repeating: 9, count: 31)
        #expect(SealKey(id: 1, wiping: &short) == nil)
        var again = [UInt8](repeating: 9, count: 32)
        #expect(SealKey(id: 0, wiping: &again) == nil)
        let other = try #require(SealKey(id: 2, wiping: &again))
        #expect(key.isSame(as: other) && key.fingerprint == other.fingerprint && key.fingerprint.count == 8)
        let different = try self.key(1, 10)
        #expect(!key.isSame(as: different) && key.fingerprint != different.fingerprint)
    }

    /// Published values.
    ///
    /// HKDF with SHA-256: RFC 5869, appendix A.3; AES-256-GCM: test case 16 of the mode's specification (McGrew and
    /// Viega, 2005, appendix B).
    @Test func `the library computes what is published`() throws {
        let input = SymmetricKey(data: [UInt8](repeating: 0x0b, count: 22))
        let derived = HKDF<SHA256>.deriveKey(inputKeyMaterial: input, info: [UInt8](), outputByteCount: 42)
        #expect(
            derived.withUnsafeBytes { Array($0) }
                == Self.bytes(
                    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))
        let secret = SymmetricKey(
            data: Self.bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let plain = Self.bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
        let box = try AES.GCM.seal(
            plain, using: secret, nonce: try AES.GCM.Nonce(data: Self.bytes("cafebabefacedbaddecaf888")),
            authenticating: Self.bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
        #expect(
            [UInt8](box.ciphertext)
                == Self.bytes(
                    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                        + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"))
        #expect([UInt8](box.tag) == Self.bytes("76fc6ece0f4e1768cddf8853bb2d551b"))
    }

    /// What another implementation must compute for one datagram; from the library by hand, not through `DatagramSeal`.
    @Test func `key, nonce and bytes are put together as the page of the wire says`() throws {
        let information =
            Array("ctsync-ha seal 1".utf8) + [1] + [0, 0, 0, 1] + [0, 0, 0, 0, 0, 0, 0, 50] as [UInt8]
        let derived = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: [UInt8](repeating: 7, count: 32)), info: information,
            outputByteCount: 32)
        let nonce = try AES.GCM.Nonce(data: [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5] as [UInt8])
        let box = try AES.GCM.seal(
            Array(Self.plain[34...]), using: derived, nonce: nonce, authenticating: Array(Self.plain[..<34]))
        let expected = Array(Self.plain[..<34]) + [UInt8](box.ciphertext) + [UInt8](box.tag)
        let one = seal([try key(1)])
        #expect(sealed(Self.plain, one, .init(prefix: 0x0102_0000, counter: 0x105)) == expected)
    }

    private static func bytes(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
