internal import Bytes
internal import Conntrack

/// A node's facts on the wire: sections, each with its kind and length before it.
///
/// A reader skips a section that it does not know, and what stands behind the fields that it knows in one. So a later
/// version can tell more without a number of its own.
enum FactsCodec {
    /// Bytes of all sections at most: those of a message.
    static let limit = 255
    /// Helpers in a section at most, as far as a reader takes them in.
    static let helperLimit = 32

    enum Section: UInt8, CaseIterable {
        /// Entries, limit, buckets: numbers.
        case table = 1
        /// Tracking, labels, zones: answers.
        case rules
        /// The event mode as a small number, then loose, liberal, checksum: answers.
        case settings
        /// Numbers in the order of `TimeoutSetting`, 0 for unknown, until the section ends.
        case timeouts
        /// Names until the section ends.
        case helpers
        case loadableHelpers
        /// Datagrams lost in a thousand: a number.
        case link
        /// Entries that are copies of the master's: a number.
        case copies
    }

    /// Writes facts; helpers that do not fit are left out, those on the disk first.
    static func encode(_ facts: NodeFacts, into writer: inout ByteWriter) {
        let start = writer.count
        section(.table, &writer) { writer in
            encode(facts.entries, into: &writer)
            encode(facts.limit, into: &writer)
            encode(facts.buckets, into: &writer)
        }
        section(.rules, &writer) { writer in
            encode(facts.tracksPackets, into: &writer)
            encode(facts.setsLabels, into: &writer)
            encode(facts.setsZones, into: &writer)
        }
        section(.settings, &writer) { writer in
            writer.append(facts.events.map { $0.rawValue + 1 } ?? 0)
            encode(facts.isLoose, into: &writer)
            encode(facts.isLiberal, into: &writer)
            encode(facts.verifiesChecksums, into: &writer)
        }
        if facts.copies != nil { section(.copies, &writer) { writer in encode(facts.copies, into: &writer) } }
        section(.link, &writer) { writer in encode(facts.lossPerMille, into: &writer) }
        section(.timeouts, &writer) { writer in
            for seconds in facts.timeouts.prefix(TimeoutSetting.allCases.count) {
                writer.appendVarint(UInt64(seconds))
            }
        }
        for (kind, names) in [(Section.helpers, facts.helpers), (.loadableHelpers, facts.loadableHelpers)] {
            section(kind, &writer) { writer in
                for name in names.prefix(helperLimit) where name.count <= KernelName.helperLimit {
                    // Room for the empty section that may follow.
                    guard writer.count - start + 1 + name.count <= limit - 2 else { break }
                    FlowCodec.encode(name, into: &writer)
                }
            }
        }
    }

    /// Reads facts; what no section tells is unknown.
    static func decode(_ body: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> NodeFacts {
        var facts = NodeFacts()
        while body.remaining > 0 {
            let kind = Section(rawValue: try body.readUInt8(bytes))
            var section = try body.slice(Int(try body.readUInt8(bytes)))
            switch kind {
            case .table:
                facts.entries = try decodeNumber(&section, bytes)
                facts.limit = try decodeNumber(&section, bytes)
                facts.buckets = try decodeNumber(&section, bytes)
            case .rules:
                facts.tracksPackets = try decodeAnswer(&section, bytes)
                facts.setsLabels = try decodeAnswer(&section, bytes)
                facts.setsZones = try decodeAnswer(&section, bytes)
            case .settings:
                facts.events = try decodeEvents(&section, bytes)
                facts.isLoose = try decodeAnswer(&section, bytes)
                facts.isLiberal = try decodeAnswer(&section, bytes)
                facts.verifiesChecksums = try decodeAnswer(&section, bytes)
            case .timeouts: facts.timeouts = try decodeTimeouts(&section, bytes)
            case .helpers: facts.helpers = try decodeNames(&section, bytes)
            case .loadableHelpers: facts.loadableHelpers = try decodeNames(&section, bytes)
            case .link: facts.lossPerMille = try decodeNumber(&section, bytes)
            case .copies: facts.copies = try decodeNumber(&section, bytes)
            case nil: break
            }
        }
        return facts
    }

    private static func section(
        _ kind: Section, _ writer: inout ByteWriter, _ content: (inout ByteWriter) -> Void
    ) {
        writer.append(kind.rawValue)
        let place = writer.count
        writer.append(UInt8(0))
        content(&writer)
        if !writer.overflowed { writer.patch(UInt8(writer.count - place - 1), at: place) }
    }

    // MARK: Numbers, one greater than they are, and 0 for unknown

    private static func encode(_ number: UInt32?, into writer: inout ByteWriter) {
        writer.appendVarint(number.map { UInt64($0) + 1 } ?? 0)
    }

    private static func decodeNumber(_ cursor: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> UInt32? {
        let told = try cursor.readVarint(bytes)
        guard told > 0 else { return nil }
        guard let number = UInt32(exactly: told - 1) else { throw MessageRefusal.number }
        return number
    }

    private static func decodeTimeouts(_ cursor: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> [UInt32] {
        var timeouts: [UInt32] = []
        while cursor.remaining > 0, timeouts.count < TimeoutSetting.allCases.count {
            guard let seconds = UInt32(exactly: try cursor.readVarint(bytes)) else { throw MessageRefusal.number }
            timeouts.append(seconds)
        }
        return timeouts
    }

    // MARK: Answers: 0 unknown, 1 no, 2 yes

    private static func encode(_ answer: Bool?, into writer: inout ByteWriter) {
        writer.append(answer.map { $0 ? 2 : 1 } ?? UInt8(0))
    }

    private static func decodeAnswer(_ cursor: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> Bool? {
        switch try cursor.readUInt8(bytes) {
        case 0: return nil
        case 1: return false
        case 2: return true
        default: throw MessageRefusal.flags
        }
    }

    private static func decodeEvents(
        _ cursor: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws -> NodeFacts.Events? {
        let told = try cursor.readUInt8(bytes)
        guard told > 0 else { return nil }
        guard let events = NodeFacts.Events(rawValue: told - 1) else { throw MessageRefusal.flags }
        return events
    }

    private static func decodeNames(_ cursor: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> [KernelName] {
        var names: [KernelName] = []
        while cursor.remaining > 0, names.count < helperLimit {
            names.append(try FlowCodec.decodeName(&cursor, bytes, limit: KernelName.helperLimit))
        }
        return names
    }
}
