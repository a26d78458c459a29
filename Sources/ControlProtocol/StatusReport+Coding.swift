extension StatusReport: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(node)
        body.put(choice: verdict)
        body.put(reasons)
        body.put(choice: standby)
        body.put(groups)
        body.put(peers)
        body.put(links)
        body.put(internalCache)
        body.put(externalCache)
        body.put(kernel.entries)
        body.put(kernel.limit)
        body.put(hold)
        body.put(lastTakeover)
        body.put(counters)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        node = try body.text()
        verdict = try body.choice()
        reasons = try body.list()
        standby = try body.choice()
        groups = try body.list()
        peers = try body.list()
        links = try body.list()
        internalCache = try body.value()
        externalCache = try body.value()
        kernel = Kernel(entries: try body.optionalNumber(), limit: try body.optionalNumber())
        hold = try body.value()
        lastTakeover = try body.optionalValue()
        counters = try body.list()
    }
}

extension StatusReport.Reason: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(what)
        body.put(remedy)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        what = try body.text()
        remedy = try body.text()
    }
}

extension StatusReport.Group: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(name)
        body.put(choice: role)
        body.put(since)
        body.put(choice: source)
        body.put(term)
        body.put(readiness) { $0.put(choice: $1) }
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        name = try body.text()
        role = try body.choice()
        since = try body.optionalValue()
        source = try body.choice()
        term = try body.optionalNumber()
        readiness = try body.flag() ? try body.choice() : nil
    }
}

extension StatusReport.PeerRole: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(group)
        body.put(choice: role)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        group = try body.text()
        role = try body.choice()
    }
}

extension StatusReport.Peer: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(name)
        body.put(address)
        body.put(link)
        body.put(roles)
        body.put(inSync) { $0.put($1) }
        body.put(digest)
        body.put(lagMilliseconds)
        body.put(unacknowledged)
        body.put(lastHeardMilliseconds)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        name = try body.optionalText()
        address = try body.text()
        link = try body.optionalText()
        roles = try body.list()
        inSync = try body.flag() ? try body.flag() : nil
        digest = try body.value()
        lagMilliseconds = try body.optionalNumber()
        unacknowledged = try body.optionalNumber()
        lastHeardMilliseconds = try body.optionalNumber()
    }
}

extension StatusReport.Digest: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(local) { $0.put(word: $1) }
        body.put(remote) { $0.put(word: $1) }
        body.put(version)
        body.put(equalAt)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        local = try body.flag() ? try body.word() : nil
        remote = try body.flag() ? try body.word() : nil
        version = try body.optionalNumber()
        equalAt = try body.optionalValue()
    }
}

extension StatusReport.Link: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(name)
        body.put(choice: mode)
        body.put(there)
        body.put(carrier)
        body.put(active)
        body.put(obstacle)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        name = try body.text()
        mode = try body.choice()
        there = try body.flag()
        carrier = try body.flag()
        active = try body.flag()
        obstacle = try body.optionalText()
    }
}

extension StatusReport.Cache: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(flows)
        body.put(expectations)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        flows = try body.number()
        expectations = try body.optionalNumber()
    }
}

extension StatusReport.Hold: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(choice: state)
        body.put(held)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        state = try body.choice()
        held = try body.number()
    }
}

extension StatusReport.Takeover: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(at)
        body.put(flows)
        body.put(failed)
        body.put(nanoseconds)
        body.put(reason)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        at = try body.value()
        flows = try body.number()
        failed = try body.number()
        nanoseconds = try body.number()
        reason = try body.text()
    }
}

extension NamedCount: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(name)
        body.put(value)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        name = try body.text()
        value = try body.number()
    }
}
