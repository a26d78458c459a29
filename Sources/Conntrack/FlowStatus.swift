/// The status bits of a flow as the kernel names them (include/uapi/linux/netfilter/nf_conntrack_common.h, IPS_*).
public struct FlowStatus: OptionSet, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32

    /// Makes a set from the kernel's bits.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Expected by a helper: the flow has a master.
    public static let expected = FlowStatus(rawValue: 1 << 0)
    /// Packets went in both directions.
    public static let seenReply = FlowStatus(rawValue: 1 << 1)
    /// Never dropped early when the table is full.
    public static let assured = FlowStatus(rawValue: 1 << 2)
    /// In the table: the first packet left.
    public static let confirmed = FlowStatus(rawValue: 1 << 3)
    public static let sourceNAT = FlowStatus(rawValue: 1 << 4)
    public static let destinationNAT = FlowStatus(rawValue: 1 << 5)
    public static let sequenceAdjusted = FlowStatus(rawValue: 1 << 6)
    public static let sourceNATDone = FlowStatus(rawValue: 1 << 7)
    public static let destinationNATDone = FlowStatus(rawValue: 1 << 8)
    /// About to leave the table.
    public static let dying = FlowStatus(rawValue: 1 << 9)
    /// The timeout does not move with packets.
    public static let fixedTimeout = FlowStatus(rawValue: 1 << 10)
    public static let template = FlowStatus(rawValue: 1 << 11)
    /// A NAT clash; hidden from dumps by the kernel.
    public static let natClash = FlowStatus(rawValue: 1 << 12)
    public static let helper = FlowStatus(rawValue: 1 << 13)
    public static let offload = FlowStatus(rawValue: 1 << 14)
    public static let hardwareOffload = FlowStatus(rawValue: 1 << 15)

    /// The bits that mean the same on another node; the others describe the node that they were read on.
    public static let replicated: FlowStatus = [
        .expected, .seenReply, .assured, .confirmed, .sourceNAT, .destinationNAT, .sequenceAdjusted, .sourceNATDone,
        .destinationNATDone, .fixedTimeout, .helper,
    ]
}
