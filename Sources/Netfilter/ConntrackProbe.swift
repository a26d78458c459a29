internal import Conntrack

/// Whether packets of this network namespace are tracked.
public enum PacketTracking: Sendable, CaseIterable {
    /// Flows appear in the table.
    case enabled
    /// No ruleset asks for conntrack: entries can be written, but no packet meets them.
    case disabled
    /// Not to be found out: loopback is down, closed, or exempt from tracking.
    case unknown
}

/// Finds out what of conntrack is there, in the network namespace of the calling thread.
public enum ConntrackProbe {
    /// Whether ctnetlink can be used; throws `notPermitted` or `unavailable`.
    public static func checkAccess() throws(ConntrackError) {
        _ = try ConntrackWriter.open().portID
    }

    /// Whether packets are tracked here.
    ///
    /// The kernel registers its tracking hooks with the first rule that needs them, and most kernels cannot list hooks
    /// (CONFIG_NETFILTER_NETLINK_HOOK). So one datagram goes over loopback, and its flow is looked up; only if there is
    /// none are the rules searched for one that needs tracking or exempts from it. Takes well below a millisecond, or
    /// 100 ms where loopback swallows the datagram.
    public static func packetTracking() throws(ConntrackError) -> PacketTracking {
        var lookup = try ConntrackLookup.open()
        var wasDelivered = false
        for family in AddressFamily.allCases {
            guard let tuple = LoopbackDatagram.deliver(family) else { continue }
            if try lookup.find(tuple) != nil { return .enabled }
            wasDelivered = true
        }
        let byRules = try trackingByRules()
        return byRules == .disabled && !wasDelivered ? .unknown : byRules
    }

    /// Whether rules beside the hold's ask for tracking.
    static func trackingByRules() throws(ConntrackError) -> PacketTracking {
        switch try RulesetSearch.run() {
        case .needsTracking: .enabled
        case .mayExempt: .unknown
        case .nothing: .disabled
        }
    }
}
