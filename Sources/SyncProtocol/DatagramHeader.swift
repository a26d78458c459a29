public import Bytes

/// What stands before the messages of every datagram.
///
/// ```
///  0      2         3       4        5           6         10            18      26         34
///  ┌──────┬─────────┬───────┬────────┬───────────┬─────────┬─────────────┬───────┬──────────┐
///  │magic │ version │ flags │ key id │   link    │ sender  │ incarnation │ term  │ sequence │ messages … (seal)
///  └──────┴─────────┴───────┴────────┴───────────┴─────────┴─────────────┴───────┴──────────┘
/// ```
/// Numbers are big-endian. Flags: bits 0-2 the role, bit 3 "was in sync when promoted"; the others are zero. Key id 0
/// means that the datagram is not sealed.
public struct DatagramHeader: Equatable, Sendable {
    /// Bytes of a header.
    public static let size = 34
    /// The first two bytes of every datagram.
    public static let magic: UInt16 = 0xc75e
    /// The version of the wire that this code speaks.
    public static let wireVersion: UInt8 = 1
    /// All versions that this code speaks.
    public static let spokenVersions = wireVersion...wireVersion

    /// The role that a sender says it has.
    public enum Role: UInt8, Sendable, CaseIterable {
        case starting = 0
        case backup
        case takingOver
        case master
        case fault

        /// Whether the sender claims the virtual addresses.
        public var claimsMastership: Bool { self == .master || self == .takingOver }
    }

    /// The node, by a number that its name decides.
    public var sender: UInt32
    /// One run of the sender's agent.
    public var incarnation: UInt64
    /// The term that the sender took last, 0 if it never did; never one that it merely heard of.
    public var term: UInt64
    /// Counts the sender's datagrams.
    public var sequence: UInt64
    public var role: Role
    /// Whether the sender, as master, holds what its predecessor held.
    public var inSync: Bool
    /// Which key sealed the datagram; 0 for none.
    public var keyID: UInt8
    /// The version of the wire that the messages are written in; the header is the same in all.
    public var version: UInt8

    /// Makes a header.
    public init(
        sender: UInt32, incarnation: UInt64, term: UInt64, sequence: UInt64, role: Role, inSync: Bool, keyID: UInt8 = 0,
        version: UInt8 = Self.wireVersion
    ) {
        self.sender = sender
        self.incarnation = incarnation
        self.term = term
        self.sequence = sequence
        self.role = role
        self.inSync = inSync
        self.keyID = keyID
        self.version = version
    }

    /// Writes the header at the front of an empty datagram.
    public func encode(into writer: inout ByteWriter) {
        writer.append(Self.magic)
        writer.append(version)
        writer.append(role.rawValue | (inSync ? 0x08 : 0))
        writer.append(keyID)
        writer.append(UInt8(0))
        writer.append(sender)
        writer.append(incarnation)
        writer.append(term)
        writer.append(sequence)
    }

    /// Reads a header of one of the `spoken` versions and leaves the cursor at the first message.
    public init(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan, speaking spoken: ClosedRange<UInt8> = spokenVersions
    ) throws(DatagramRefusal) {
        do {
            guard try cursor.readUInt16(bytes) == Self.magic else { throw DatagramRefusal.foreign }
            version = try cursor.readUInt8(bytes)
            guard spoken.contains(version) else { throw DatagramRefusal.version }
            let flags = try cursor.readUInt8(bytes)
            guard let role = Role(rawValue: flags & 0x07), flags & 0xf0 == 0 else { throw DatagramRefusal.flags }
            self.role = role
            inSync = flags & 0x08 != 0
            keyID = try cursor.readUInt8(bytes)
            guard keyID == 0 else { throw DatagramRefusal.key }
            guard try cursor.readUInt8(bytes) == 0 else { throw DatagramRefusal.flags }
            sender = try cursor.readUInt32(bytes)
            incarnation = try cursor.readUInt64(bytes)
            term = try cursor.readUInt64(bytes)
            sequence = try cursor.readUInt64(bytes)
        } catch let refusal as DatagramRefusal {
            throw refusal
        } catch {
            throw .truncated
        }
    }
}

/// Why a whole datagram was refused; each case is a counter.
public enum DatagramRefusal: UInt8, Error, Sendable, CaseIterable {
    /// It ends before its header does.
    case truncated
    /// Not our magic.
    case foreign
    /// A wire version that we do not speak.
    case version
    /// A role or a flag that does not exist.
    case flags
    /// Sealed with a key that we do not have.
    case key
}
