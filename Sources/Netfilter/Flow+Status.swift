internal import Conntrack

/// Which status bits a request carries.
///
/// GRE is written with a fixed timeout and without ASSURED. The timeouts of GRE are kept per flow and only set by the
/// first packet that the tracker sees; in an entry that ctnetlink made they are zero, so that the next packet would
/// give it no time to live (nf_conntrack_proto_gre.c). The fixed timeout keeps packets from touching it; whoever wrote
/// the entry renews it by writing it anew. And since nothing refreshes it, nothing would tell that the tunnel lives:
/// without ASSURED the first packet of a tunnel that was answered before sets that bit, and the kernel says so in an
/// update event. SEEN_REPLY stays, the ruleset sees an established flow.
extension Flow {
    /// Bits that follow from the tuples and attributes, and that the kernel refuses or ignores in a request.
    private static let derivedStatus: FlowStatus = [
        .expected, .dying, .sourceNAT, .destinationNAT, .sourceNATDone, .destinationNATDone, .sequenceAdjusted,
    ]

    /// Whether an entry of this flow keeps the timeout that it is written with.
    var isWrittenFixed: Bool { original.protocol == .gre }

    /// What a creating request carries: CONFIRMED must be there, EXPECTED comes with the master.
    var createdStatus: FlowStatus {
        let status = status.intersection(.replicated).subtracting(Self.derivedStatus).union(.confirmed)
        return isWrittenFixed ? status.subtracting(.assured).union(.fixedTimeout) : status
    }

    /// What an update carries: EXPECTED must be as the entry has it, that is, as its creation left it.
    var updatedStatus: FlowStatus { master == nil ? createdStatus : createdStatus.union(.expected) }
}
