import Conntrack
import Netfilter
import Testing

/// A damaged message is refused, or is a message in its own right; it never brings the agent down.
@Suite struct DamagedMessageTests {
    @Test(arguments: GoldenMessage.all)
    func `a message that ends early is refused`(golden: GoldenMessage) {
        for length in 0..<golden.bytes.count {
            let result = outcome(Array(golden.bytes.prefix(length)), isDumped: golden.isDumped)
            #expect(result == .failure(.truncatedMessage), "cut to \(length)")
        }
    }

    @Test(arguments: GoldenMessage.all)
    func `a shorter message tells less and nothing else`(golden: GoldenMessage) throws {
        let whole = try parse(golden.bytes, isDumped: golden.isDumped)
        var parsed = 0
        for length in 16..<golden.bytes.count {
            let cut = Array(golden.bytes.prefix(length)).withOwnLength
            guard case .success(let event) = outcome(cut, isDumped: golden.isDumped) else { continue }
            parsed += 1
            #expect(event.kind == whole.kind)
            #expect(event.flow.original.source == whole.flow.original.source)
            #expect(event.flow.original.sourceKey == whole.flow.original.sourceKey)
            #expect(event.attributes.isSubset(of: whole.attributes), "cut to \(length)")
            if event.attributes.contains(.status) { #expect(event.flow.status == whole.flow.status) }
            if event.attributes.contains(.timeout) { #expect(event.flow.timeout == whole.flow.timeout) }
            if event.attributes.contains(.protocolState) { #expect(event.flow.tcp == whole.flow.tcp) }
        }
        // At each end of an attribute behind the original tuple there is a shorter message.
        #expect(parsed > 1)
    }

    @Test(arguments: GoldenMessage.all)
    func `any byte may be wrong`(golden: GoldenMessage) {
        var refused = 0
        var taken = 0
        for index in golden.bytes.indices {
            for value: UInt8 in [0, 1, 3, 4, 0x7f, 0x80, 0xff] {
                var bytes = golden.bytes
                bytes[index] = value
                switch outcome(bytes, isDumped: golden.isDumped) {
                case .success: taken += 1
                case .failure: refused += 1
                }
            }
        }
        #expect(refused > 0 && taken > 0)
    }

    private static let sample = GoldenMessage.all.first { $0.name.hasPrefix("a new IPv4 TCP syn_sent") }

    /// Behind struct nlmsghdr and struct nfgenmsg.
    private static let firstAttribute = 20

    @Test func `a message that claims more than the datagram is refused`() throws {
        var bytes = try #require(Self.sample).bytes
        bytes[0] &+= 4
        #expect(outcome(bytes) == .failure(.truncatedMessage))
    }

    @Test(arguments: [0, 1, 2, 3] as [UInt8])
    func `an attribute shorter than its header is refused`(length: UInt8) throws {
        var bytes = try #require(Self.sample).bytes
        bytes[Self.firstAttribute] = length
        #expect(outcome(bytes) == .failure(.truncatedAttribute))
    }

    @Test func `a nested attribute longer than what encloses it is refused`() throws {
        var bytes = try #require(Self.sample).bytes
        // The addresses inside the original tuple claim the whole tuple and its neighbour.
        bytes[Self.firstAttribute + 4] = 0x60
        #expect(outcome(bytes) == .failure(.truncatedAttribute))
    }

    @Test func `an unknown attribute is skipped`() throws {
        let golden = try #require(Self.sample)
        let unknown: [UInt8] = [8, 0, 0xff, 0x3f, 1, 2, 3, 4]
        let bytes = (golden.bytes + unknown).withOwnLength
        let whole = try parse(golden.bytes)
        let longer = try parse(bytes)
        #expect(longer == whole)
    }

    @Test(
        arguments: [
            ([6, 0, 7, 0, 0, 1, 0, 0], MessageRefusal.attributeSize),
            ([12, 0, 7, 0, 0, 0, 0, 1, 0, 0, 0, 2], .attributeSize),
            ([16, 0, 4, 0x80, 12, 0, 1, 0x80, 5, 0, 1, 0, 10, 0, 0, 0], .tcpState),
            ([16, 0, 4, 0x80, 12, 0, 1, 0x80, 5, 0, 2, 0, 15, 0, 0, 0], .windowScale),
            ([7, 0, 18, 0, 1, 2, 3, 0], .attributeSize),
        ] as [([UInt8], MessageRefusal)])
    func `a value out of range is refused`(attribute: [UInt8], reason: MessageRefusal) throws {
        let golden = try #require(Self.sample)
        #expect(outcome((golden.bytes + attribute).withOwnLength) == .failure(reason))
    }

    @Test func `a family that does not fit the addresses is refused`() throws {
        var bytes = try #require(Self.sample).bytes
        bytes[16] = 10
        #expect(outcome(bytes) == .failure(.familyMismatch))
        bytes[16] = 7
        #expect(outcome(bytes) == .failure(.unknownFamily))
    }

    @Test func `a message without an original tuple is refused`() throws {
        let golden = try #require(Self.sample)
        #expect(outcome(Array(golden.bytes.prefix(20)).withOwnLength) == .failure(.noOriginal))
    }

    @Test func `a message of another subsystem is refused`() throws {
        var bytes = try #require(Self.sample).bytes
        bytes[5] = 2
        #expect(outcome(bytes) == .failure(.notAFlow))
    }

    @Test func `tuples of different protocols are refused`() throws {
        var bytes = try #require(Self.sample).bytes
        // The protocol number inside the first tuple: TCP becomes UDP, which has the same keys.
        let number = try #require(bytes.indices.dropFirst(40).first { bytes[$0] == 6 && bytes[$0 - 2] == 1 })
        bytes[number] = 17
        #expect(outcome(bytes) == .failure(.protocolMismatch))
    }
}
