// Each `encode` names every key, so that an unknown value is null and never absent.

extension PreflightReport: Encodable {
    private enum Key: String, CodingKey { case schema, node, verdict, failover, table, reasons, passed, unknown }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Self.schema, forKey: .schema)
        try container.encode(node, forKey: .node)
        try container.encode(verdict.rawValue, forKey: .verdict)
        try container.encode(failover, forKey: .failover)
        try container.encode(table, forKey: .table)
        try container.encode(findings, forKey: .reasons)
        try container.encode(passed.map(\.rawValue), forKey: .passed)
        try container.encode(unknown.map(\.rawValue), forKey: .unknown)
    }
}

extension PreflightReport.Finding: Encodable {
    private enum Key: String, CodingKey { case check, severity, reason, node, command }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(check.rawValue, forKey: .check)
        try container.encode(severity.rawValue, forKey: .severity)
        try container.encode(what, forKey: .reason)
        try container.encode(node, forKey: .node)
        try container.encode(command, forKey: .command)
    }
}

extension PreflightReport.Failover: Encodable {
    private enum Key: String, CodingKey { case from, to, flows }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(from, forKey: .from)
        try container.encode(to, forKey: .to)
        try container.encode(flows, forKey: .flows)
    }
}

extension PreflightReport.Table: Encodable {
    private enum Key: String, CodingKey {
        case node, entries, expected, limit, buckets
        case meanChain = "mean_chain"
    }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(node, forKey: .node)
        try container.encode(entries, forKey: .entries)
        try container.encode(expected, forKey: .expected)
        try container.encode(limit, forKey: .limit)
        try container.encode(buckets, forKey: .buckets)
        try container.encode(meanChain, forKey: .meanChain)
    }
}
