internal import Conntrack

extension Tuple {
    /// The tuple for a table that people read.
    var words: String {
        let ends = "\(source.text(family)) > \(destination.text(family))"
        if self.protocol.isICMP { return "\(ends) type \(destinationKey >> 8) id \(sourceKey)" }
        return sourceKey == 0 && destinationKey == 0 ? ends : "\(ends) \(sourceKey) > \(destinationKey)"
    }
}

extension FlowStatus {
    /// The kernel's names of the bits (IPS_*).
    private static let names: [(FlowStatus, String)] = [
        (.expected, "EXPECTED"), (.seenReply, "SEEN_REPLY"), (.assured, "ASSURED"), (.confirmed, "CONFIRMED"),
        (.sourceNAT, "SRC_NAT"), (.destinationNAT, "DST_NAT"), (.sequenceAdjusted, "SEQ_ADJUST"),
        (.sourceNATDone, "SRC_NAT_DONE"), (.destinationNATDone, "DST_NAT_DONE"), (.dying, "DYING"),
        (.fixedTimeout, "FIXED_TIMEOUT"), (.template, "TEMPLATE"), (.natClash, "NAT_CLASH"), (.helper, "HELPER"),
        (.offload, "OFFLOAD"), (.hardwareOffload, "HW_OFFLOAD"),
    ]

    /// The bits by name.
    var words: String { Self.names.filter { contains($0.0) }.map(\.1).joined(separator: "+") }
}
