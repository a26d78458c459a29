// Each `encode` names every key, so that an unknown value is null and never absent.

extension StatusReport: Encodable {
    private enum Key: String, CodingKey {
        case schema, node, verdict, reasons, role, since, source, term, standby, groups, peers, links, caches, kernel
        case hold
        case lastTakeover = "last_takeover"
        case counters
    }

    private enum CacheKey: String, CodingKey { case `internal`, external }

    /// Encodes the stable keys; with one group its role, since, source and term stand at the top too.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Self.schema, forKey: .schema)
        try container.encode(node, forKey: .node)
        try container.encode(verdict.rawValue, forKey: .verdict)
        try container.encode(reasons, forKey: .reasons)
        if groups.count == 1, let group = groups.first {
            try container.encode(group.role.rawValue, forKey: .role)
            try container.encode(group.since, forKey: .since)
            try container.encode(group.source.rawValue, forKey: .source)
            try container.encode(group.term, forKey: .term)
        }
        try container.encode(standby.rawValue, forKey: .standby)
        try container.encode(groups, forKey: .groups)
        try container.encode(peers, forKey: .peers)
        try container.encode(links, forKey: .links)
        var caches = container.nestedContainer(keyedBy: CacheKey.self, forKey: .caches)
        try caches.encode(internalCache, forKey: .internal)
        try caches.encode(externalCache, forKey: .external)
        try container.encode(kernel, forKey: .kernel)
        try container.encode(hold, forKey: .hold)
        try container.encode(lastTakeover, forKey: .lastTakeover)
        try container.encode(CounterObject(counters: counters), forKey: .counters)
    }
}

extension StatusReport.Reason: Encodable {
    /// Encodes one text: what, and what helps.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode("\(what); \(remedy)")
    }
}

extension StatusReport.Group: Encodable {
    private enum Key: String, CodingKey { case name, role, since, source, term, readiness }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(role.rawValue, forKey: .role)
        try container.encode(since, forKey: .since)
        try container.encode(source.rawValue, forKey: .source)
        try container.encode(term, forKey: .term)
        try container.encode(readiness?.rawValue, forKey: .readiness)
    }
}

extension StatusReport.PeerRole: Encodable {
    private enum Key: String, CodingKey { case group, role }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(group, forKey: .group)
        try container.encode(role.rawValue, forKey: .role)
    }
}

extension StatusReport.Peer: Encodable {
    private enum Key: String, CodingKey {
        case name, address, link, roles, digest, unacknowledged
        case inSync = "in_sync"
        case lag = "lag_ms"
        case lastHeard = "last_heard_ms"
    }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(address, forKey: .address)
        try container.encode(link, forKey: .link)
        try container.encode(roles, forKey: .roles)
        try container.encode(inSync, forKey: .inSync)
        try container.encode(digest, forKey: .digest)
        try container.encode(lagMilliseconds, forKey: .lag)
        try container.encode(unacknowledged, forKey: .unacknowledged)
        try container.encode(lastHeardMilliseconds, forKey: .lastHeard)
    }
}

extension StatusReport.Digest: Encodable {
    private enum Key: String, CodingKey {
        case local, remote, version
        case equalAt = "equal_at"
    }

    /// Encodes the stable keys; a digest is sixteen hexadecimal digits, since JSON numbers are not 64 bits wide.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(local.map(hexadecimal), forKey: .local)
        try container.encode(remote.map(hexadecimal), forKey: .remote)
        try container.encode(version, forKey: .version)
        try container.encode(equalAt, forKey: .equalAt)
    }
}

extension StatusReport.Link: Encodable {
    private enum Key: String, CodingKey { case name, mode, there, carrier, active, obstacle }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(mode.rawValue, forKey: .mode)
        try container.encode(there, forKey: .there)
        try container.encode(carrier, forKey: .carrier)
        try container.encode(active, forKey: .active)
        try container.encode(obstacle, forKey: .obstacle)
    }
}

extension StatusReport.Cache: Encodable {
    private enum Key: String, CodingKey { case flows, expectations }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(flows, forKey: .flows)
        try container.encode(expectations, forKey: .expectations)
    }
}

extension StatusReport.Kernel: Encodable {
    private enum Key: String, CodingKey { case entries, limit }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(entries, forKey: .entries)
        try container.encode(limit, forKey: .limit)
    }
}

extension StatusReport.Hold: Encodable {
    private enum Key: String, CodingKey { case state, held }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(state.rawValue, forKey: .state)
        try container.encode(held, forKey: .held)
    }
}

extension StatusReport.Takeover: Encodable {
    private enum Key: String, CodingKey { case at, flows, failed, seconds, reason }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(at, forKey: .at)
        try container.encode(flows, forKey: .flows)
        try container.encode(failed, forKey: .failed)
        try container.encode(Double(nanoseconds) / 1e9, forKey: .seconds)
        try container.encode(reason, forKey: .reason)
    }
}

/// Counters as one object: their names are its keys.
struct CounterObject: Encodable {
    let counters: [NamedCount]

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for counter in counters { try container.encode(counter.value, forKey: Key(stringValue: counter.name)) }
    }
}
