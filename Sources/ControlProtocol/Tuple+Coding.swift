internal import Conntrack

extension Tuple: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(byte: family.rawValue)
        body.put(byte: self.protocol.rawValue)
        body.put(source, family)
        body.put(destination, family)
        body.put(sourceKey)
        body.put(destinationKey)
        body.put(zone)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        guard let family = AddressFamily(rawValue: try body.byte()) else { throw .value }
        let `protocol` = ProtocolNumber(rawValue: try body.byte())
        let source = try body.address(family)
        let destination = try body.address(family)
        self.init(
            source: source, destination: destination, sourceKey: try body.number(),
            destinationKey: try body.number(), zone: try body.number(), family: family, protocol: `protocol`)
    }
}

extension BodyWriter {
    /// Writes an address whose family stands elsewhere.
    mutating func put(_ address: Address, _ family: AddressFamily) {
        if family == .ipv6 { put(word: address.high) }
        put(word: address.low)
    }
}

extension BodyReader {
    /// Reads an address whose family stands elsewhere.
    mutating func address(_ family: AddressFamily) throws(ControlProtocolError) -> Address {
        let high = family == .ipv6 ? try word() : 0
        let low = try word()
        guard family == .ipv6 || low >> 32 == 0 else { throw .value }
        return Address(high: high, low: low)
    }
}

extension KernelName: BodyValue {
    func write(to body: inout BodyWriter) { body.put(text) }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        let text = try body.text()
        guard !text.isEmpty else {
            self = .none
            return
        }
        guard let name = KernelName(text) else { throw .value }
        self = name
    }
}
