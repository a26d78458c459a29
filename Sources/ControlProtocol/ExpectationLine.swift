public import Conntrack

/// One expectation of a listing.
public struct ExpectationLine: Hashable, Sendable {
    public var expectation: Expectation
    /// Milliseconds since the expectation changed last; nil where nobody keeps that.
    public var ageMilliseconds: UInt64?

    /// Makes a line.
    public init(_ expectation: Expectation, ageMilliseconds: UInt64? = nil) {
        self.expectation = expectation
        self.ageMilliseconds = ageMilliseconds
    }
}

extension ExpectationLine: BodyValue {
    func write(to body: inout BodyWriter) {
        let family = expectation.key.tuple.family
        body.put(expectation.key.tuple)
        body.put(expectation.key.sourceMask, family)
        body.put(expectation.key.sourceKeyMask)
        body.put(expectation.master)
        body.put(expectation.timeout)
        body.put(byte: expectation.flags.rawValue)
        body.put(expectation.policy)
        body.put(expectation.helper)
        body.put(expectation.translation) { body, translation in
            body.put(translation.isReply)
            body.put(translation.address, family)
            body.put(translation.key)
        }
        body.put(expectation.function)
        body.put(ageMilliseconds)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        let tuple: Tuple = try body.value()
        let key = ExpectationKey(
            tuple: tuple, sourceMask: try body.address(tuple.family), sourceKeyMask: try body.number())
        expectation = Expectation(
            key: key, master: try body.value(), timeout: try body.number(),
            flags: ExpectationFlags(rawValue: try body.byte()), policy: try body.number(), helper: try body.value())
        if try body.flag() {
            expectation.translation = ExpectationTranslation(
                isReply: try body.flag(), address: try body.address(tuple.family), key: try body.number())
        }
        expectation.function = try body.value()
        ageMilliseconds = try body.optionalNumber()
    }
}
