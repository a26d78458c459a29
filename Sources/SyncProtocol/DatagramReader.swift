internal import Bytes

/// Reads the messages of one datagram in order.
///
/// A message that is refused costs itself alone: its length leads to the next. A kind that nobody knows is skipped.
public struct DatagramReader: Sendable {
    /// What the datagram's header says.
    public let header: DatagramHeader
    private var cursor: ByteCursor
    /// The versions that the flows may have: of the interval, or 0 in a page; nil before either.
    private var versions: ClosedRange<UInt64>?
    /// Messages whose kind is not known to this code.
    public private(set) var unknownKinds = 0

    /// Begins to read; `bytes` are the whole datagram, and the same bytes go into each `next`.
    public init(
        _ bytes: borrowing RawSpan, speaking spoken: ClosedRange<UInt8> = DatagramHeader.spokenVersions
    ) throws(DatagramRefusal) {
        cursor = ByteCursor(bytes)
        header = try DatagramHeader(&cursor, bytes, speaking: spoken)
    }

    /// The next message, or nil at the end.
    ///
    /// After a thrown refusal the message behind it can be read.
    public mutating func next(_ bytes: borrowing RawSpan) throws(MessageRefusal) -> Message? {
        while cursor.remaining > 0 {
            let number: UInt8
            var body: ByteCursor
            do {
                number = try cursor.readUInt8(bytes)
                body = try cursor.slice(Int(try cursor.readUInt8(bytes)))
            } catch {
                // Nothing behind a broken length can be trusted.
                cursor = ByteCursor(from: cursor.end, to: cursor.end)
                throw .truncated
            }
            guard let kind = Message.Kind(rawValue: number) else {
                unknownKinds += 1
                continue
            }
            return try read(kind, &body, bytes)
        }
        return nil
    }

    private mutating func read(
        _ kind: Message.Kind, _ body: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws(MessageRefusal) -> Message {
        switch kind {
        case .flow:
            guard let versions else { throw .place }
            let told = try FlowCodec.decode(&body, bytes, base: versions.lowerBound)
            guard versions.contains(told.version) else { throw .number }
            return .flow(told)
        case .destroy:
            guard let versions else { throw .place }
            let told = try FlowCodec.decodeDestroy(&body, bytes, base: versions.lowerBound)
            guard versions.contains(told.version) else { throw .number }
            return .destroy(told)
        case .expectation:
            guard let versions else { throw .place }
            let told = try ExpectationCodec.decode(&body, bytes, base: versions.lowerBound)
            guard versions.contains(told.version) else { throw .number }
            return .expectation(told)
        case .expectationDestroy:
            guard let versions else { throw .place }
            let told = try ExpectationCodec.decodeDestroy(&body, bytes, base: versions.lowerBound)
            guard versions.contains(told.version) else { throw .number }
            return .expectationDestroy(told)
        default:
            do { return try readControl(kind, &body, bytes) } catch {
                throw MessageRefusal(error)
            }
        }
    }

    private mutating func readControl(
        _ kind: Message.Kind, _ body: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws -> Message {
        switch kind {
        case .hello:
            let lowest = try body.readUInt8(bytes)
            let highest = try body.readUInt8(bytes)
            let nonce = try body.readUInt64(bytes)
            let digestKey = SipHash.Key(try body.readUInt64(bytes), try body.readUInt64(bytes))
            guard (1...Hello.nameLimit).contains(body.remaining) else { throw MessageRefusal.name }
            let name = try body.readText(bytes, count: body.remaining)
            // A replaced byte is longer than it was, and what cannot be printed would end up on an operator's screen.
            guard name.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw MessageRefusal.name }
            return .hello(
                Hello(name: name, lowestVersion: lowest, highestVersion: highest, nonce: nonce, digestKey: digestKey))
        case .progress:
            let sent = try body.readVarint(bytes)
            let bulk = try body.readUInt32(bytes)
            let end = try body.readVarint(bytes)
            let bulkSent = try body.readVarint(bytes)
            guard bulkSent <= end, end <= sent || bulk == 0 else { throw MessageRefusal.number }
            let flags = try body.readUInt8(bytes)
            guard flags & 0xfc == 0 else { throw MessageRefusal.flags }
            let shared = try body.readVarint(bytes)
            return .progress(
                Progress(
                    sentVersion: sent, bulk: bulk, bulkEnd: end, bulkSent: bulkSent,
                    asker: flags & 1 != 0 ? try body.readUInt64(bytes) : nil, isHeld: flags & 2 != 0,
                    sharedVersion: shared))
        case .interval:
            guard let lane = Lane(rawValue: try body.readUInt8(bytes)) else { throw MessageRefusal.flags }
            let bulk = try body.readUInt32(bytes)
            let from = try body.readUInt64(bytes)
            let (to, overflow) = from.addingReportingOverflow(UInt64(try body.readUInt32(bytes)))
            guard !overflow else { throw MessageRefusal.number }
            versions = from...to
            return .interval(LogInterval(lane: lane, bulk: bulk, from: from, to: to))
        case .acknowledgement:
            return .acknowledgement(try readAcknowledgement(&body, bytes))
        case .bulkRequest:
            let incarnation = try body.readUInt64(bytes)
            let after = try body.readUInt32(bytes)
            let request = try body.readUInt32(bytes)
            return .bulkRequest(
                BulkRequest(
                    incarnation: incarnation, after: after, request: request, parts: try body.readUInt16(bytes)))
        case .marker:
            let version = try body.readVarint(bytes)
            let bulk = try body.readUInt32(bytes)
            let digest = try body.readUInt64(bytes)
            return .marker(Marker(version: version, bulk: bulk, digest: digest, attributes: try body.readUInt8(bytes)))
        case .probe:
            let sent = try body.readVarint(bytes)
            let heard = try body.readUInt8(bytes)
            return .probe(Probe(sent: sent, heard: heard, orphanedTerm: try body.readVarint(bytes)))
        case .bucketDigests:
            return .bucketDigests(try readBucketDigests(&body, bytes))
        case .bulkBuckets:
            return .bulkBuckets(try readBulkBuckets(&body, bytes))
        case .recallRequest:
            let id = try body.readUInt32(bytes)
            return .recallRequest(RecallRequest(id: id, place: try body.readUInt64(bytes)))
        case .recallPage:
            let id = try body.readUInt32(bytes)
            let place = try body.readUInt64(bytes)
            let next = try body.readUInt64(bytes)
            guard next > place else { throw MessageRefusal.number }
            versions = 0...0
            return .recallPage(RecallPage(id: id, place: place, next: next))
        case .farewell:
            return .farewell
        case .facts:
            return .facts(try FactsCodec.decode(&body, bytes))
        case .flow, .destroy, .expectation, .expectationDestroy:
            preconditionFailure("flows are read above")
        }
    }

    private func readAcknowledgement(
        _ body: inout ByteCursor, _ bytes: borrowing RawSpan
    ) throws -> Acknowledgement {
        let incarnation = try body.readUInt64(bytes)
        let bulk = try body.readUInt32(bytes)
        let gapFree = try body.readUInt64(bytes)
        var acknowledgement = Acknowledgement(
            incarnation: incarnation, bulk: bulk, gapFree: gapFree, sequence: try body.readUInt64(bytes))
        var previous = gapFree
        while body.remaining > 0, acknowledgement.holes.count < Acknowledgement.holeLimit {
            let (from, early) = previous.addingReportingOverflow(try body.readVarint(bytes))
            let (to, late) = from.addingReportingOverflow(try body.readVarint(bytes))
            guard !early, !late else { throw MessageRefusal.number }
            acknowledgement.holes.append((from, to))
            previous = to
        }
        return acknowledgement
    }

    private func readBucketDigests(_ body: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> BucketDigests {
        var told = BucketDigests(request: try body.readUInt32(bytes), buckets: [])
        told.buckets.reserveCapacity(BucketDigests.limit)
        while body.remaining > 0, told.buckets.count < BucketDigests.limit {
            let number = try body.readUInt16(bytes)
            guard number < BucketDigests.bucketCount else { throw MessageRefusal.number }
            told.buckets.append((number, try body.readUInt64(bytes)))
        }
        return told
    }

    private func readBulkBuckets(_ body: inout ByteCursor, _ bytes: borrowing RawSpan) throws -> BulkBuckets {
        let bulk = try body.readUInt32(bytes)
        var told = BulkBuckets(bulk: bulk, place: try body.readUInt8(bytes), words: [])
        told.words.reserveCapacity(BulkBuckets.limit)
        while body.remaining > 0, told.words.count < BulkBuckets.limit { told.words.append(try body.readUInt64(bytes)) }
        guard Int(told.place) + told.words.count <= BulkBuckets.wordCount else { throw MessageRefusal.number }
        return told
    }
}
