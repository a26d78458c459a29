/// The keys of a running agent, without their secrets.
public struct KeyListing: Hashable, Sendable {
    /// One key.
    public struct Key: Hashable, Sendable {
        public var id: UInt8
        /// Whether it seals what is sent.
        public var seals: Bool
        /// Tells keys apart, and is the same on every node.
        public var fingerprint: String
        /// Datagrams that it opened since it came.
        public var opened: UInt64
        /// Since it last opened one; nil if it never did.
        public var lastOpenedMilliseconds: UInt64?

        /// Makes a row.
        public init(id: UInt8, seals: Bool, fingerprint: String, opened: UInt64, lastOpenedMilliseconds: UInt64?) {
            self.id = id
            self.seals = seals
            self.fingerprint = fingerprint
            self.opened = opened
            self.lastOpenedMilliseconds = lastOpenedMilliseconds
        }
    }

    /// The version of the JSON.
    public static let schema = 1

    public var stage: SealingStage
    public var keys: [Key]

    /// Makes a listing.
    public init(stage: SealingStage, keys: [Key]) {
        self.stage = stage
        self.keys = keys
    }
}

extension KeyListing: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(choice: stage)
        body.put(keys)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        stage = try body.choice()
        keys = try body.list()
    }
}

extension KeyListing.Key: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(byte: id)
        body.put(seals)
        body.put(fingerprint)
        body.put(opened)
        body.put(lastOpenedMilliseconds)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        id = try body.byte()
        seals = try body.flag()
        fingerprint = try body.text()
        opened = try body.number()
        lastOpenedMilliseconds = try body.optionalNumber()
    }
}

extension KeyListing: Encodable {
    private enum Field: String, CodingKey { case schema, stage, keys }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Field.self)
        try container.encode(Self.schema, forKey: .schema)
        try container.encode(stage.rawValue, forKey: .stage)
        try container.encode(keys, forKey: .keys)
    }
}

extension KeyListing.Key: Encodable {
    private enum Field: String, CodingKey {
        case id, seals, fingerprint, opened
        case lastOpened = "last_opened_ms"
    }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Field.self)
        try container.encode(id, forKey: .id)
        try container.encode(seals, forKey: .seals)
        try container.encode(fingerprint, forKey: .fingerprint)
        try container.encode(opened, forKey: .opened)
        try container.encode(lastOpenedMilliseconds, forKey: .lastOpened)
    }
}

extension KeyListing {
    /// What `key list` prints: the stage, then a row for each key.
    public var text: String {
        var text = "sealing \(stage.rawValue)\n"
        if keys.isEmpty { return text + "no key: the link is open\n" }
        text += "ID   FINGERPRINT  SEALS  OPENED      LAST\n"
        for key in keys {
            let last = key.lastOpenedMilliseconds.map { $0 < 1000 ? "now" : "\($0 / 1000) s ago" } ?? "never"
            text +=
                String(key.id).padded(to: 5) + printable(key.fingerprint).padded(to: 13)
                + (key.seals ? "yes" : "no").padded(to: 7) + String(key.opened).padded(to: 12) + last + "\n"
        }
        return text
    }
}
