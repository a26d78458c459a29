import Conntrack
import LabSupport
import Netfilter
import Testing

/// What messages about expectations mean, and which are refused.
@Suite struct ExpectationMessageTests {
    private typealias Build = AttributeBytes

    private static func named(_ name: String) throws -> [UInt8] {
        try #require(GoldenMessage.expectations.first { $0.name == name }).bytes
    }

    private static func reading(_ bytes: [UInt8]) -> Result<ExpectationEvent, MessageRefusal> {
        Result { () throws(MessageRefusal) in try parseExpectation(bytes) }
    }

    private static let sample = "a new expectation IPv4 FTP with source NAT"

    @Test(
        arguments: [
            (sample, FlowEvent.Kind.new), ("a dump line expectation IPv4 FTP with source NAT", .dumped),
            ("a destroy expectation IPv4 FTP with source NAT", .destroy),
        ])
    func `an expected FTP transfer is read`(name: String, kind: FlowEvent.Kind) throws {
        let event = try parseExpectation(try Self.named(name), isDumped: kind == .dumped)
        #expect(event.kind == kind)
        #expect(event.origin == .kernel)
        let (client, server) = (Address(ipv4: 0xc0a8_0a01), Address(ipv4: 0xc633_6401))
        let tuple = Tuple(
            source: server, destination: Address(ipv4: 0xcb00_7107), sourceKey: 0, destinationKey: 40_001,
            family: .ipv4, protocol: .tcp)
        let master = Tuple(
            source: client, destination: server, sourceKey: 40_000, destinationKey: 21, family: .ipv4, protocol: .tcp)
        let expected = Conntrack.Expectation(
            key: ExpectationKey(tuple: tuple, sourceMask: Address(ipv4: .max), sourceKeyMask: 0), master: master,
            timeout: event.expectation.timeout, helper: try #require(KernelName("ftp")),
            translation: ExpectationTranslation(isReply: true, address: .any, key: 40_001),
            function: try #require(KernelName("nat-follow-master")))
        #expect(event.expectation == expected)
        #expect((298...300).contains(event.expectation.timeout))
    }

    @Test func `class, flags and open ends are read`() throws {
        let name = "a dump line expectation IPv6 SIP of class 2 permanent inactive"
        let expectation = try parseExpectation(try Self.named(name), isDumped: true).expectation
        #expect(expectation.policy == 2)
        #expect(expectation.flags == [.permanent, .inactive])
        #expect(expectation.key.sourceMask == .any)
        #expect(expectation.key.sourceKeyMask == 0)
        #expect(expectation.helper.text == "sip")
        #expect(expectation.function.text == "sip")
        #expect(expectation.translation?.isReply == false)
        #expect(expectation.translation?.key == 50_001)
    }

    @Test(arguments: GoldenMessage.expectations)
    func `a message that ends early or has a wrong byte is refused or another`(golden: GoldenMessage) throws {
        var (taken, refused) = (0, 0)
        for length in 0..<golden.bytes.count {
            for bytes in [Array(golden.bytes.prefix(length)), Array(golden.bytes.prefix(length)).padded.withOwnLength] {
                if case .success = Self.reading(bytes) { taken += 1 } else { refused += 1 }
            }
            for value: UInt8 in [0, 1, 3, 4, 0x7f, 0x80, 0xff] {
                var bytes = golden.bytes
                bytes[length] = value
                if case .success = Self.reading(bytes) { taken += 1 } else { refused += 1 }
            }
        }
        #expect(taken > 0 && refused > 0)
        let early = Self.reading(Array(golden.bytes.dropLast()))
        #expect(early == .failure(.truncatedMessage))
    }

    @Test(
        arguments: [
            ("no tuple", [2], [], .incompleteExpectation), ("no mask", [3], [], .incompleteExpectation),
            ("no master", [1], [], .incompleteExpectation),
            ("a helper's name of 16 bytes", [], Build.plain(6, Array("abcdefghijklmnop".utf8)), .helperName),
            ("a function's name of 32 bytes", [], Build.plain(11, Array(repeating: 97, count: 32)), .functionName),
            ("an empty function's name", [], Build.plain(11, [0]), .functionName),
            ("flags beyond a byte", [], Build.number(8, UInt32(256)), .expectationFlags),
            ("a class of two bytes", [], Build.number(9, UInt16(1)), .attributeSize),
            (
                "a translation without a tuple", [], Build.nested(10, [Build.number(1, UInt32(0))]),
                .incompleteExpectation
            ),
        ] as [(String, Set<UInt8>, [UInt8], MessageRefusal)])
    func `what cannot be is refused by reason`(
        name: String, missing: Set<UInt8>, added: [UInt8], reason: MessageRefusal
    ) throws {
        let bytes = (try Self.named(Self.sample).withoutAttributes(missing) + added).withOwnLength
        #expect(Self.reading(bytes) == .failure(reason))
    }

    @Test func `a translation in a third direction is refused`() throws {
        var bytes = try Self.named(Self.sample)
        let direction = try #require(
            bytes.indices.dropFirst(20).last { Array(bytes[$0...].prefix(8)) == [8, 0, 1, 0, 0, 0, 0, 1] })
        bytes[direction + 7] = 2
        #expect(Self.reading(bytes) == .failure(.translationDirection))
    }

    @Test func `flows and expectations are not taken for each other`() throws {
        let flow = try #require(GoldenMessage.all.first).bytes
        #expect(Self.reading(flow) == .failure(.notAnExpectation))
        let expectation = try Self.named(Self.sample)
        #expect(outcome(expectation) == .failure(.notAFlow))
    }
}

extension [UInt8] {
    /// At least a netlink header.
    fileprivate var padded: [UInt8] { count < 16 ? self + Array(repeating: 0, count: 16 - count) : self }
}
