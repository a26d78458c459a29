internal import Conntrack

extension ExpectationLine: Encodable {
    private enum Key: String, CodingKey {
        case family, `protocol`, expected, master, timeout, flags, policy, helper, translation, function
        case sourceMask = "source_mask"
        case sourceKeyMask = "source_key_mask"
        case age = "age_ms"
    }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        let tuple = expectation.key.tuple
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(tuple.family.name, forKey: .family)
        try container.encode(tuple.protocol.name, forKey: .protocol)
        try container.encode(TupleObject(tuple: tuple), forKey: .expected)
        try container.encode(expectation.key.sourceMask.text(tuple.family), forKey: .sourceMask)
        try container.encode(expectation.key.sourceKeyMask, forKey: .sourceKeyMask)
        try container.encode(TupleObject(tuple: expectation.master, isOther: true), forKey: .master)
        try container.encode(expectation.timeout, forKey: .timeout)
        try container.encode(expectation.flags.names, forKey: .flags)
        try container.encode(expectation.policy, forKey: .policy)
        try container.encode(expectation.helper.isNone ? nil : expectation.helper.text, forKey: .helper)
        try container.encode(
            expectation.translation.map { TranslationObject($0, tuple.family) }, forKey: .translation)
        try container.encode(expectation.function.isNone ? nil : expectation.function.text, forKey: .function)
        try container.encode(ageMilliseconds, forKey: .age)
    }
}

private struct TranslationObject: Encodable {
    let direction: String
    let address: String
    let key: UInt16

    init(_ translation: ExpectationTranslation, _ family: AddressFamily) {
        direction = translation.isReply ? "reply" : "original"
        address = translation.address.text(family)
        key = translation.key
    }
}
