internal import Conntrack

extension FlowLine: Encodable {
    private enum Key: String, CodingKey {
        case id, family, `protocol`, state, original, reply, master, status, mark, timeout
        case age = "age_ms"
    }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(id, forKey: .id)
        try container.encode(flow.original.family == .ipv4 ? "ipv4" : "ipv6", forKey: .family)
        try container.encode(flow.original.protocol.name, forKey: .protocol)
        try container.encode(flow.tcp?.state.name, forKey: .state)
        try container.encode(TupleObject(tuple: flow.original), forKey: .original)
        try container.encode(TupleObject(tuple: flow.reply), forKey: .reply)
        try container.encode(flow.master.map(TupleObject.init), forKey: .master)
        try container.encode(flow.status.names, forKey: .status)
        try container.encode(flow.mark, forKey: .mark)
        try container.encode(flow.timeout, forKey: .timeout)
        try container.encode(ageMilliseconds, forKey: .age)
    }
}

/// A tuple with the keys that its protocol has.
private struct TupleObject: Encodable {
    let tuple: Tuple

    private enum Key: String, CodingKey {
        case source, destination, zone
        case sourcePort = "source_port"
        case destinationPort = "destination_port"
        case icmpID = "icmp_id"
        case icmpType = "icmp_type"
        case icmpCode = "icmp_code"
        case sourceKey = "source_key"
        case destinationKey = "destination_key"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(tuple.source.text(tuple.family), forKey: .source)
        try container.encode(tuple.destination.text(tuple.family), forKey: .destination)
        try container.encode(tuple.zone, forKey: .zone)
        if tuple.protocol.hasPorts {
            try container.encode(tuple.sourceKey, forKey: .sourcePort)
            try container.encode(tuple.destinationKey, forKey: .destinationPort)
        } else if tuple.protocol.isICMP {
            try container.encode(tuple.sourceKey, forKey: .icmpID)
            try container.encode(tuple.destinationKey >> 8, forKey: .icmpType)
            try container.encode(tuple.destinationKey & 0xff, forKey: .icmpCode)
        } else if tuple.protocol == .gre {
            try container.encode(tuple.sourceKey, forKey: .sourceKey)
            try container.encode(tuple.destinationKey, forKey: .destinationKey)
        }
    }
}

extension FlowStatus {
    /// The names of the bits that are set, in the kernel's order.
    fileprivate var names: [String] {
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
