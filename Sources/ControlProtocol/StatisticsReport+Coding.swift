extension StatisticsReport: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(internalCache)
        body.put(externalCache)
        body.put(trafficBytes)
        body.put(trafficPackets)
        body.put(links)
        body.put(malformed)
        body.put(lost)
        body.put(counters)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        internalCache = try body.value()
        externalCache = try body.value()
        trafficBytes = try body.number()
        trafficPackets = try body.number()
        links = try body.list()
        malformed = try body.number()
        lost = try body.number()
        counters = try body.list()
    }
}

extension StatisticsReport.Cache: BodyValue {
    func write(to body: inout BodyWriter) {
        for number in [
            current, created, createdFailed, updated, updatedFailed, destroyed, destroyedFailed,
        ] { body.put(number) }
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        current = try body.number()
        created = try body.number()
        createdFailed = try body.number()
        updated = try body.number()
        updatedFailed = try body.number()
        destroyed = try body.number()
        destroyedFailed = try body.number()
    }
}

extension StatisticsReport.Link: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(device)
        body.put(choice: mode)
        body.put(active)
        for number in [
            bytesSent, bytesReceived, packetsSent, packetsReceived, errorsSent, errorsReceived,
        ] { body.put(number) }
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        device = try body.text()
        mode = try body.choice()
        active = try body.flag()
        bytesSent = try body.number()
        bytesReceived = try body.number()
        packetsSent = try body.number()
        packetsReceived = try body.number()
        errorsSent = try body.number()
        errorsReceived = try body.number()
    }
}

extension StatisticsReport: Encodable {
    private enum Key: String, CodingKey { case schema, caches, traffic, links, messages, counters }
    private enum CacheKey: String, CodingKey { case `internal`, external }
    private enum TrafficKey: String, CodingKey { case bytes, packets }
    private enum MessageKey: String, CodingKey { case malformed, lost }

    /// Encodes the stable keys.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Self.schema, forKey: .schema)
        var caches = container.nestedContainer(keyedBy: CacheKey.self, forKey: .caches)
        try caches.encode(internalCache, forKey: .internal)
        try caches.encode(externalCache, forKey: .external)
        var traffic = container.nestedContainer(keyedBy: TrafficKey.self, forKey: .traffic)
        try traffic.encode(trafficBytes, forKey: .bytes)
        try traffic.encode(trafficPackets, forKey: .packets)
        try container.encode(links, forKey: .links)
        var messages = container.nestedContainer(keyedBy: MessageKey.self, forKey: .messages)
        try messages.encode(malformed, forKey: .malformed)
        try messages.encode(lost, forKey: .lost)
        try container.encode(CounterObject(counters: counters), forKey: .counters)
    }
}
