internal import Conntrack

// The words of attributes in listings.

extension AddressFamily {
    var name: String { self == .ipv4 ? "ipv4" : "ipv6" }
}

extension ProtocolState {
    /// The kernel's name of the state; nil for a protocol without one.
    var name: String? {
        switch self {
        case .none: nil
        case .tcp(let info): info.state.name
        case .sctp(let info): info.state.name
        case .dccp(let info): info.state.name
        }
    }
}

extension ConnectionLabels {
    /// The labels that are set, in rising order.
    var numbers: [Int] {
        (0..<128).filter { ($0 < 64 ? low >> UInt64($0) : high >> UInt64($0 - 64)) & 1 == 1 }
    }
}

extension TCPFlags {
    /// The names of the bits that are set, in the kernel's order.
    var names: [String] {
        let known = [
            "window_scale", "sack_permitted", "close_init", "be_liberal", "data_unacknowledged", "maxack_set",
            "challenge_ack", "simultaneous_open",
        ]
        return known.enumerated().filter { rawValue >> UInt8($0.offset) & 1 == 1 }.map(\.element)
    }
}

extension ExpectationFlags {
    /// The names of the bits that are set, in the kernel's order.
    var names: [String] {
        let known: [(ExpectationFlags, String)] = [
            (.permanent, "permanent"), (.inactive, "inactive"), (.userspace, "userspace"),
        ]
        return known.filter { contains($0.0) }.map(\.1)
    }
}

extension FlowStatus {
    /// The names of the bits that are set, in the kernel's order.
    var names: [String] {
        let known: [(FlowStatus, String)] = [
            (.expected, "expected"), (.seenReply, "seen_reply"), (.assured, "assured"), (.confirmed, "confirmed"),
            (.sourceNAT, "source_nat"), (.destinationNAT, "destination_nat"), (.sequenceAdjusted, "sequence_adjusted"),
            (.sourceNATDone, "source_nat_done"), (.destinationNATDone, "destination_nat_done"), (.dying, "dying"),
            (.fixedTimeout, "fixed_timeout"), (.template, "template"), (.natClash, "nat_clash"), (.helper, "helper"),
            (.offload, "offload"), (.hardwareOffload, "hardware_offload"),
        ]
        return known.filter { contains($0.0) }.map(\.1)
    }
}
