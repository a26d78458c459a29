internal import Conntrack

/// A tuple with the keys that its protocol has.
struct TupleObject: Encodable {
    let tuple: Tuple
    /// Whether it is of another flow, which may have another protocol.
    var isOther = false

    private enum Key: String, CodingKey {
        case `protocol`, source, destination, zone
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
        if isOther { try container.encode(tuple.protocol.name, forKey: .protocol) }
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
