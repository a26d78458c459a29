public import Bytes
public import Conntrack

/// One message of a datagram.
///
/// On the wire: a kind byte, the body's length in one byte, the body. A reader skips a kind that it does not know. It
/// ignores what stands behind the fields that it knows, but not behind those of flows and expectations: their
/// attributes are fixed for a wire version. Kinds 1 to 63 are taken as below.
public enum Message: Equatable, Sendable {
    case hello(Hello)
    case progress(Progress)
    /// The flows that follow in this datagram are all that changed in this interval.
    case interval(LogInterval)
    /// A flow as it is now.
    case flow(FlowMessage)
    /// A flow is gone.
    case destroy(DestroyMessage)
    case acknowledgement(Acknowledgement)
    case bulkRequest(BulkRequest)
    case recallRequest(RecallRequest)
    /// The flows that follow in this datagram are one page of an answered recall.
    case recallPage(RecallPage)
    /// The sender ends; its flows stay.
    case farewell
    /// A helper of the sender expects a flow.
    case expectation(ExpectationMessage)
    /// An expectation is gone, or its flow has come.
    case expectationDestroy(ExpectationDestroyMessage)
    /// What the sender's log comes to at a version.
    case marker(Marker)
    /// What the sender's copy of the receiver's log comes to, by bucket.
    case bucketDigests(BucketDigests)
    /// Which buckets a bulk sends.
    case bulkBuckets(BulkBuckets)
    /// Goes over every link with each heartbeat.
    case probe(Probe)
    /// What flows would meet in the sender's kernel.
    case facts(NodeFacts)

    /// The first byte of a message.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case hello = 1
        case progress
        case interval
        case flow
        case destroy
        case acknowledgement
        case bulkRequest
        case recallRequest
        case recallPage
        case farewell
        // 11 is free.
        case expectation = 12
        case expectationDestroy
        case marker
        case bucketDigests
        case bulkBuckets
        case probe
        case facts
    }
}

/// Introduces a node.
public struct Hello: Equatable, Sendable {
    /// Bytes of a node name at most.
    public static let nameLimit = 64
    /// The node's configured name.
    public var name: String
    /// The wire versions that the node speaks.
    public var lowestVersion: UInt8
    public var highestVersion: UInt8
    /// Chance, answered by a sealed link's peer; 0 on an open link.
    public var nonce: UInt64
    /// The key of the node's digests: chance, new with every run.
    public var digestKey: SipHash.Key

    /// Makes a hello.
    public init(
        name: String, lowestVersion: UInt8 = DatagramHeader.wireVersion,
        highestVersion: UInt8 = DatagramHeader.wireVersion, nonce: UInt64 = 0,
        digestKey: SipHash.Key = SipHash.Key(0, 0)
    ) {
        self.digestKey = digestKey
        self.name = name
        self.lowestVersion = lowestVersion
        self.highestVersion = highestVersion
        self.nonce = nonce
    }
}

/// How far a sender has come in its log; goes out with every heartbeat and every datagram of a bulk.
public struct Progress: Equatable, Sendable {
    /// Everything up to this version that is not in a running bulk has been sent.
    public var sentVersion: UInt64
    /// The number of the latest bulk, 0 if there was none.
    public var bulk: UInt32
    /// The bulk covers the versions up to this one.
    public var bulkEnd: UInt64
    /// The bulk has been sent up to this version; equal to `bulkEnd` when it has ended.
    public var bulkSent: UInt64
    /// The run of the receiver that has shown to hold the buckets that the bulk leaves out; nil: it leaves out none.
    ///
    /// `bulkBuckets` names the others.
    public var asker: UInt64?
    /// The bulk waits for the receiver's word on what it holds.
    public var isHeld: Bool
    /// The highest version that went to everyone: the receiver may have heard more than it was sent.
    public var sharedVersion: UInt64

    /// Makes a progress.
    public init(
        sentVersion: UInt64, bulk: UInt32, bulkEnd: UInt64, bulkSent: UInt64, asker: UInt64? = nil,
        isHeld: Bool = false, sharedVersion: UInt64 = 0
    ) {
        self.isHeld = isHeld
        self.sharedVersion = sharedVersion
        self.sentVersion = sentVersion
        self.bulk = bulk
        self.bulkEnd = bulkEnd
        self.bulkSent = bulkSent
        self.asker = asker
    }
}

/// What a log comes to when everything up to a version is applied and nothing beyond it.
public struct Marker: Equatable, Sendable {
    public var version: UInt64
    /// The sender's latest bulk.
    public var bulk: UInt32
    /// The sum of all digests, under the key of the sender's hello.
    public var digest: UInt64
    /// The version of the wire whose list of attributes the digests cover; who has another list does not compare.
    public var attributes: UInt8

    /// The list that this code's digests cover.
    public static let coveredAttributes: UInt8 = 1

    /// Makes a marker.
    public init(version: UInt64, bulk: UInt32, digest: UInt64, attributes: UInt8 = Self.coveredAttributes) {
        self.version = version
        self.bulk = bulk
        self.digest = digest
        self.attributes = attributes
    }
}

/// How a link does, and whether the node that is told should take a new term.
public struct Probe: Equatable, Sendable {
    /// Datagrams sent to the receiver over this link so far, with this one.
    public var sent: UInt64
    /// The links over which the sender hears the receiver, the first in the lowest bit.
    public var heard: UInt8
    /// The highest term that the sender knows of while no master of that term is heard; 0 if one is, or none was.
    ///
    /// A master of a lower term takes a new one: what it says would count less than what is left of the other.
    public var orphanedTerm: UInt64

    /// Makes a probe.
    public init(sent: UInt64, heard: UInt8, orphanedTerm: UInt64 = 0) {
        self.sent = sent
        self.heard = heard
        self.orphanedTerm = orphanedTerm
    }
}

/// Digests of some buckets, sent ahead of a request for a bulk; those that are zero are not named.
public struct BucketDigests: Equatable, Sendable {
    /// Buckets in one message at most.
    public static let limit = 25
    /// Buckets are numbered below this.
    public static let bucketCount: UInt16 = 4_096

    /// The request that they belong to.
    public var request: UInt32
    public var buckets: [(number: UInt16, digest: UInt64)]

    /// Makes a part of the digests.
    public init(request: UInt32, buckets: [(number: UInt16, digest: UInt64)]) {
        self.request = request
        self.buckets = buckets
    }

    /// Whether two parts say the same.
    public static func == (left: BucketDigests, right: BucketDigests) -> Bool {
        left.request == right.request && left.buckets.elementsEqual(right.buckets, by: ==)
    }
}

/// A part of the set of buckets that a bulk sends: words of 64 bits, the lowest bucket in the lowest bit.
public struct BulkBuckets: Equatable, Sendable {
    /// Words in one message at most, and in all.
    public static let limit = 22
    public static let wordCount = 64

    public var bulk: UInt32
    /// The place of the first word.
    public var place: UInt8
    public var words: [UInt64]

    /// Makes a part of the set.
    public init(bulk: UInt32, place: UInt8, words: [UInt64]) {
        self.bulk = bulk
        self.place = place
        self.words = words
    }
}

/// Which way a flow message came out of the sender's log.
public enum Lane: UInt8, Sendable, CaseIterable {
    /// As it changed.
    case live = 0
    /// By the bulk's walk.
    case backfill
    /// Asked for again by the receiver.
    case repair
}

/// The versions that a datagram covers: after `from`, up to and with `to`.
public struct LogInterval: Equatable, Sendable {
    public var lane: Lane
    /// The sender's latest bulk when the datagram was made.
    public var bulk: UInt32
    public var from: UInt64
    public var to: UInt64

    /// Makes an interval; at most 2^32 - 1 versions.
    public init(lane: Lane, bulk: UInt32, from: UInt64, to: UInt64) {
        self.lane = lane
        self.bulk = bulk
        self.from = from
        self.to = to
    }
}

/// A flow with the version of its last change; the version is 0 in a recall.
public struct FlowMessage: Equatable, Sendable {
    public var version: UInt64
    public var flow: Flow
    /// The tuple was destroyed and came anew since it was last sent.
    public var isReplacement: Bool

    /// Makes a flow message.
    public init(version: UInt64, flow: Flow, isReplacement: Bool = false) {
        self.version = version
        self.flow = flow
        self.isReplacement = isReplacement
    }
}

/// A destroyed flow with the version of its tombstone.
public struct DestroyMessage: Equatable, Sendable {
    public var version: UInt64
    public var original: Tuple

    /// Makes a destroy message.
    public init(version: UInt64, original: Tuple) {
        self.version = version
        self.original = original
    }
}

/// An expectation with the version of its last change; the version is 0 in a recall.
public struct ExpectationMessage: Equatable, Sendable {
    public var version: UInt64
    public var expectation: Expectation

    /// Makes an expectation message.
    public init(version: UInt64, expectation: Expectation) {
        self.version = version
        self.expectation = expectation
    }
}

/// An expectation that is gone with the version of its tombstone.
public struct ExpectationDestroyMessage: Equatable, Sendable {
    public var version: UInt64
    public var key: ExpectationKey

    /// Makes a destroy message.
    public init(version: UInt64, key: ExpectationKey) {
        self.version = version
        self.key = key
    }
}

/// What a receiver holds of a sender's log.
public struct Acknowledgement: Equatable, Sendable {
    /// Holes named in one message at most; of those with long numbers fewer fit its 255 bytes.
    public static let holeLimit = 64

    /// Whose log: the sender's incarnation.
    public var incarnation: UInt64
    public var bulk: UInt32
    public var gapFree: UInt64
    /// The highest datagram sequence received.
    public var sequence: UInt64
    /// Versions that are missing, as (from, to], oldest first.
    public var holes: [(from: UInt64, to: UInt64)]

    /// Makes an acknowledgement.
    public init(
        incarnation: UInt64, bulk: UInt32, gapFree: UInt64, sequence: UInt64,
        holes: [(from: UInt64, to: UInt64)] = []
    ) {
        self.incarnation = incarnation
        self.bulk = bulk
        self.gapFree = gapFree
        self.sequence = sequence
        self.holes = holes
    }

    /// Whether two acknowledgements say the same.
    public static func == (left: Acknowledgement, right: Acknowledgement) -> Bool {
        left.incarnation == right.incarnation && left.bulk == right.bulk && left.gapFree == right.gapFree
            && left.sequence == right.sequence && left.holes.elementsEqual(right.holes, by: ==)
    }
}

/// Asks a sender for a bulk; asked again until one begins.
public struct BulkRequest: Equatable, Sendable {
    /// Of this incarnation; 0 for any.
    public var incarnation: UInt64
    /// The latest bulk that the receiver knows of: a newer one answers the request.
    public var after: UInt32
    /// The request that bucket digests were sent ahead for; 0 if none were, and the bulk is to send all.
    public var request: UInt32
    /// The messages that these digests took.
    public var parts: UInt16

    /// Makes a request.
    public init(incarnation: UInt64, after: UInt32, request: UInt32 = 0, parts: UInt16 = 0) {
        self.incarnation = incarnation
        self.after = after
        self.request = request
        self.parts = parts
    }
}

/// Asks a peer for the flows that it holds as copies; answered by pages from the place asked for.
public struct RecallRequest: Equatable, Sendable {
    /// Chosen by the asker; answers carry it.
    public var id: UInt32
    /// The place to go on from; 0 to begin.
    public var place: UInt64

    /// Makes a request.
    public init(id: UInt32, place: UInt64) {
        self.id = id
        self.place = place
    }
}

/// Names the place of a page in an answered recall.
public struct RecallPage: Equatable, Sendable {
    public var id: UInt32
    public var place: UInt64
    /// Where the next page begins; `end` if this was the last.
    public var next: UInt64

    /// Behind the last page.
    public static let end = UInt64.max

    /// Makes a page's name.
    public init(id: UInt32, place: UInt64, next: UInt64) {
        self.id = id
        self.place = place
        self.next = next
    }
}
