/// What is ordered about the keys of a running agent; it holds until the agent ends.
public enum KeyOrder: Hashable, Sendable {
    /// Take a key in.
    case add(id: UInt8, KeySecret)
    /// Seal with it from now on.
    case use(id: UInt8)
    /// Give it up, and wipe it.
    case remove(id: UInt8)
    /// Go to another stage.
    case stage(SealingStage)
    case list
}

/// How far sealing has come, by the configuration's words.
public enum SealingStage: String, Hashable, Sendable, CaseIterable {
    case off
    case accept
    case require
}

/// The 32 bytes of a key on their way to the agent; words and no array, so that no heap block keeps a copy.
public struct KeySecret: Hashable, Sendable {
    /// Bytes of a secret.
    public static let byteCount = 32

    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// Takes 32 bytes; nil for another count.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        func word(_ place: Int) -> UInt64 { bytes[place..<place + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        (first, second, third, fourth) = (word(0), word(8), word(16), word(24))
    }

    /// The bytes; whoever takes them wipes them.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for word in [first, second, third, fourth] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return bytes
    }
}

extension KeySecret: CustomStringConvertible, CustomReflectable {
    /// Nothing: a secret has no place in a text.
    public var description: String { "secret" }
    /// Nothing, since what is dumped may be written somewhere.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension KeySecret: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(word: first)
        body.put(word: second)
        body.put(word: third)
        body.put(word: fourth)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        (first, second, third, fourth) = (try body.word(), try body.word(), try body.word(), try body.word())
    }
}

extension KeyOrder: BodyValue {
    private enum Kind: UInt8 {
        case add = 1
        case use, remove, stage, list
    }

    func write(to body: inout BodyWriter) {
        switch self {
        case .add(let id, let secret):
            body.put(byte: Kind.add.rawValue)
            body.put(byte: id)
            body.put(secret)
        case .use(let id):
            body.put(byte: Kind.use.rawValue)
            body.put(byte: id)
        case .remove(let id):
            body.put(byte: Kind.remove.rawValue)
            body.put(byte: id)
        case .stage(let stage):
            body.put(byte: Kind.stage.rawValue)
            body.put(choice: stage)
        case .list:
            body.put(byte: Kind.list.rawValue)
        }
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        guard let kind = Kind(rawValue: try body.byte()) else { throw .value }
        switch kind {
        case .add: self = .add(id: try body.byte(), try body.value())
        case .use: self = .use(id: try body.byte())
        case .remove: self = .remove(id: try body.byte())
        case .stage: self = .stage(try body.choice())
        case .list: self = .list
        }
    }
}
