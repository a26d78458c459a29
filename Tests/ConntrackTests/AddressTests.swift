import Testing

@testable import Conntrack

@Suite struct AddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("2001:db8::1", "2001:db8::1"), ("::", "::"),
        ("::1", "::1"),
        ("2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:192.0.2.1", "::ffff:c000:201"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
    func `reads and prints`(text: String, canonical: String) throws {
        let (address, family) = try #require(Address.parse(text))
        #expect(address.text(family) == canonical)
    }

    @Test(arguments: [
        "", ".", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.+4", ":", ":::", "1::2::3", "12345::", "g::",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1%eth0", "+1::",
    ])
    func `refuses what is no address`(text: String) {
        #expect(Address.parse(text) == nil)
    }

    @Test func `a prefix holds its addresses and no others`() throws {
        let prefix = try #require(AddressPrefix(parsing: "10.99.0.7/24"))
        #expect(prefix.text == "10.99.0.0/24")
        let (inside, family) = try #require(Address.parse("10.99.0.255"))
        #expect(prefix.contains(inside, family))
        let (outside, _) = try #require(Address.parse("10.99.1.0"))
        #expect(!prefix.contains(outside, .ipv4))
        let six = try #require(AddressPrefix(parsing: "2001:db8::/65"))
        let (in6, _) = try #require(Address.parse("2001:db8::7fff:0:0:1"))
        let (out6, _) = try #require(Address.parse("2001:db8::8000:0:0:1"))
        #expect(six.contains(in6, .ipv6) && !six.contains(out6, .ipv6))
        #expect(AddressPrefix(parsing: "10.0.0.0/33") == nil)
        #expect(AddressPrefix(parsing: "0.0.0.0/0")?.contains(inside, .ipv4) == true)
    }
}
