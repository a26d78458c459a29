internal import Bytes
public import Conntrack

/// Packs messages into one datagram of a fixed size.
///
/// The caller begins a datagram, appends messages until one does not fit (`append` says so and leaves no trace of it)
/// and takes the bytes. The interval is opened with its start alone; its end is known when the datagram is full.
public struct DatagramWriter: ~Copyable {
    /// A body's length is one byte.
    private static let longestBody = 255

    private var writer: ByteWriter
    private var openInterval: (offset: Int, from: UInt64)?

    /// Allocates room for datagrams of at most `capacity` bytes.
    public init(capacity: Int) {
        precondition(capacity >= 512, "a datagram holds at least 512 bytes")
        writer = ByteWriter(capacity: capacity)
    }

    /// Whether nothing but the header has been written.
    public var isEmpty: Bool { writer.count <= DatagramHeader.size }

    /// Bytes written so far.
    public var count: Int { writer.count }

    /// Begins a datagram anew.
    public mutating func begin(_ header: DatagramHeader) {
        writer.rewind()
        openInterval = nil
        header.encode(into: &writer)
    }

    /// Opens the interval that the flows behind it belong to.
    public mutating func openInterval(lane: Lane, bulk: UInt32, from: UInt64) {
        writer.append(Message.Kind.interval.rawValue)
        writer.append(UInt8(17))
        writer.append(lane.rawValue)
        writer.append(bulk)
        writer.append(from)
        openInterval = (writer.count, from)
        writer.append(UInt32(0))
    }

    /// Writes the end of the open interval; at most 2^32 - 1 versions behind its start.
    public mutating func closeInterval(to: UInt64) {
        guard let (offset, from) = openInterval else { preconditionFailure("no interval is open") }
        precondition(to >= from && to - from <= UInt64(UInt32.max))
        let span = UInt32(to - from)
        writer.patch(UInt16(span >> 16), at: offset)
        writer.patch(UInt16(truncatingIfNeeded: span), at: offset + 2)
        openInterval = nil
    }

    /// Appends a flow of the open interval or page; false if it does not fit.
    public mutating func append(_ flow: Flow, version: UInt64, isReplacement: Bool) -> Bool {
        let base = openInterval?.from ?? 0
        return appendBody(.flow) { writer in
            FlowCodec.encode(flow, version: version - base, isReplacement: isReplacement, into: &writer)
        }
    }

    /// Appends a destroy of the open interval; false if it does not fit.
    public mutating func appendDestroy(_ original: Tuple, version: UInt64) -> Bool {
        let base = openInterval?.from ?? 0
        return appendBody(.destroy) { writer in
            FlowCodec.encodeDestroy(original, version: version - base, into: &writer)
        }
    }

    /// Appends an expectation of the open interval or page; false if it does not fit.
    public mutating func append(_ expectation: Expectation, version: UInt64) -> Bool {
        let base = openInterval?.from ?? 0
        return appendBody(.expectation) { writer in
            ExpectationCodec.encode(expectation, version: version - base, into: &writer)
        }
    }

    /// Appends the destroy of an expectation of the open interval; false if it does not fit.
    public mutating func appendExpectationDestroy(_ key: ExpectationKey, version: UInt64) -> Bool {
        let base = openInterval?.from ?? 0
        return appendBody(.expectationDestroy) { writer in
            ExpectationCodec.encodeDestroy(key, version: version - base, into: &writer)
        }
    }

    /// Appends a message that is neither interval nor of a flow or an expectation; false if it does not fit.
    public mutating func append(_ message: Message) -> Bool {
        switch message {
        case .hello(let hello):
            appendBody(.hello) { writer in
                writer.append(hello.lowestVersion)
                writer.append(hello.highestVersion)
                writer.append(hello.nonce)
                writer.append(hello.digestKey.words.0)
                writer.append(hello.digestKey.words.1)
                writer.append(utf8: hello.name)
            }
        case .progress(let progress):
            appendBody(.progress) { writer in
                writer.appendVarint(progress.sentVersion)
                writer.append(progress.bulk)
                writer.appendVarint(progress.bulkEnd)
                writer.appendVarint(progress.bulkSent)
                writer.append(UInt8((progress.asker != nil ? 1 : 0) | (progress.isHeld ? 2 : 0)))
                writer.appendVarint(progress.sharedVersion)
                if let asker = progress.asker { writer.append(asker) }
            }
        case .acknowledgement(let acknowledgement):
            appendBody(.acknowledgement) { writer in
                let start = writer.count
                writer.append(acknowledgement.incarnation)
                writer.append(acknowledgement.bulk)
                writer.append(acknowledgement.gapFree)
                writer.append(acknowledgement.sequence)
                // The holes that do not fit are named when these are closed.
                var room = Self.longestBody - (writer.count - start)
                var previous = acknowledgement.gapFree
                for hole in acknowledgement.holes.prefix(Acknowledgement.holeLimit) {
                    let (gap, length) = (hole.from - previous, hole.to - hole.from)
                    room -= ByteWriter.varintLength(gap) + ByteWriter.varintLength(length)
                    guard room >= 0 else { break }
                    writer.appendVarint(gap)
                    writer.appendVarint(length)
                    previous = hole.to
                }
            }
        case .bulkRequest(let request):
            appendBody(.bulkRequest) { writer in
                writer.append(request.incarnation)
                writer.append(request.after)
                writer.append(request.request)
                writer.append(request.parts)
            }
        case .marker(let marker):
            appendBody(.marker) { writer in
                writer.appendVarint(marker.version)
                writer.append(marker.bulk)
                writer.append(marker.digest)
                writer.append(marker.attributes)
            }
        case .probe(let probe):
            appendBody(.probe) { writer in
                writer.appendVarint(probe.sent)
                writer.append(probe.heard)
                writer.appendVarint(probe.orphanedTerm)
            }
        case .bucketDigests(let told):
            appendBody(.bucketDigests) { writer in
                writer.append(told.request)
                for bucket in told.buckets.prefix(BucketDigests.limit) {
                    writer.append(bucket.number)
                    writer.append(bucket.digest)
                }
            }
        case .bulkBuckets(let told):
            appendBody(.bulkBuckets) { writer in
                writer.append(told.bulk)
                writer.append(told.place)
                for word in told.words.prefix(BulkBuckets.limit) { writer.append(word) }
            }
        case .recallRequest(let request):
            appendBody(.recallRequest) { writer in
                writer.append(request.id)
                writer.append(request.place)
            }
        case .recallPage(let page):
            appendBody(.recallPage) { writer in
                writer.append(page.id)
                writer.append(page.place)
                writer.append(page.next)
            }
        case .farewell:
            appendBody(.farewell) { _ in }
        case .facts(let facts):
            appendBody(.facts) { writer in FactsCodec.encode(facts, into: &writer) }
        case .interval, .flow, .destroy, .expectation, .expectationDestroy:
            preconditionFailure("it goes into an open interval, by a verb of its own")
        }
    }

    /// Overwrites where the page that opens this datagram ends; the page was appended first.
    public mutating func closePage(next: UInt64) {
        // kind, length and the fields id and place stand before the last eight bytes of the page.
        let offset = DatagramHeader.size + 2 + 4 + 8
        for place in 0..<8 {
            writer.patch(UInt8(truncatingIfNeeded: next >> UInt64(56 - 8 * place)), at: offset + place)
        }
    }

    /// Lends the datagram.
    public borrowing func withBytes<Result, Failure: Error>(
        _ body: (borrowing RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try writer.withBytes(body)
    }

    /// Writes kind, length and body; a body has at most 255 bytes, and the longest flow has 211 (see `FlowCodec`).
    private mutating func appendBody(_ kind: Message.Kind, _ body: (inout ByteWriter) -> Void) -> Bool {
        let mark = writer.count
        writer.append(kind.rawValue)
        writer.append(UInt8(0))
        body(&writer)
        let length = writer.count - mark - 2
        guard !writer.overflowed, length <= Self.longestBody else {
            writer.rewind(to: mark)
            return false
        }
        writer.patch(UInt8(length), at: mark + 1)
        return true
    }
}
