import Testing

@testable import Bytes

@Suite struct SipHashTests {
    /// Values of SipHash-1-3 under the zero key as other implementations publish them.
    @Test(
        arguments: [
            ("", 0xd1fb_a762_150c_532c), ("siphash", 0x8264_ceec_cb16_bcbe), ("digest-sip_hash", 0xce31_007e_3413_0c0a),
        ] as [(String, UInt64)])
    func `agrees with the published values`(message: String, expected: UInt64) {
        var hash = SipHash(SipHash.Key(0, 0))
        var bytes = Array(message.utf8)
        while bytes.count >= 8 {
            hash.combine(bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
            bytes.removeFirst(8)
        }
        let tail = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(hash.finish(tail: tail, tailCount: UInt64(bytes.count)) == expected)
    }
}
