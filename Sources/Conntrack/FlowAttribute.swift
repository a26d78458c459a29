/// What a flow has beside its original tuple, which is its key: the one list of attributes.
///
/// Reading, merging, packing, digests, writing, comparing and printing are tested row by row against this list.
///
/// | attribute | in ctnetlink (nfnetlink_conntrack.h) | a peer's digest covers it |
/// |---|---|---|
/// | `reply` | CTA_TUPLE_REPLY; written as CTA_NAT_SRC, CTA_NAT_DST where it is translated | yes |
/// | `zone` | CTA_ZONE, or CTA_TUPLE_ZONE of one direction | yes |
/// | `status` | CTA_STATUS | the bits that mean the same elsewhere |
/// | `timeout` | CTA_TIMEOUT | no |
/// | `mark` | CTA_MARK | yes |
/// | `master` | CTA_TUPLE_MASTER | yes |
/// | `protocolState` | CTA_PROTOINFO: the state | yes |
/// | `protocolDetails` | CTA_PROTOINFO: TCP scales and flags, SCTP tags, DCCP role and number | yes |
/// | `helper` | CTA_HELP | yes |
/// | `labels` | CTA_LABELS | yes |
/// | `sequence` | CTA_SEQ_ADJ_ORIG, CTA_SEQ_ADJ_REPLY | yes |
/// | `synproxy` | CTA_SYNPROXY | yes |
public enum FlowAttribute: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    case reply
    case zone
    case status
    case timeout
    case mark
    case master
    /// The TCP, SCTP or DCCP state.
    case protocolState
    /// What the tracker knows beside the state; a destroy does not carry it.
    case protocolDetails
    case helper
    case labels
    case sequence
    case synproxy

    /// The word for it in configuration and output.
    public var name: String {
        switch self {
        case .reply: "reply"
        case .zone: "zone"
        case .status: "status"
        case .timeout: "timeout"
        case .mark: "mark"
        case .master: "master"
        case .protocolState: "state"
        case .protocolDetails: "state-details"
        case .helper: "helper"
        case .labels: "labels"
        case .sequence: "sequence-adjustment"
        case .synproxy: "synproxy"
        }
    }

    /// Whether two nodes that hold it differently are unequal.
    public var isDigested: Bool { self != .timeout }

    /// Whether a node may take flows over without it: a flow without its reply tuple or its state would be another.
    public var canBeLeftOut: Bool { self != .reply && self != .protocolState }
}

/// A set of attributes: those that a message carried, that differ, or that are left out.
public struct FlowAttributes: OptionSet, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt16

    /// Makes a set from bits of our own.
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The set of one attribute.
    public init(_ attribute: FlowAttribute) { rawValue = 1 << UInt16(attribute.rawValue) }

    public static let reply = FlowAttributes(.reply)
    public static let zone = FlowAttributes(.zone)
    public static let status = FlowAttributes(.status)
    public static let timeout = FlowAttributes(.timeout)
    public static let mark = FlowAttributes(.mark)
    public static let master = FlowAttributes(.master)
    public static let protocolState = FlowAttributes(.protocolState)
    public static let protocolDetails = FlowAttributes(.protocolDetails)
    public static let helper = FlowAttributes(.helper)
    public static let labels = FlowAttributes(.labels)
    public static let sequence = FlowAttributes(.sequence)
    public static let synproxy = FlowAttributes(.synproxy)

    /// All that a flow can carry.
    public static let all = FlowAttributes(rawValue: (1 << 12) - 1)

    /// Whether an attribute is in the set.
    public func contains(_ attribute: FlowAttribute) -> Bool { contains(FlowAttributes(attribute)) }

    /// The attributes in the order of the list.
    public var list: [FlowAttribute] { FlowAttribute.allCases.filter { contains($0) } }
}
