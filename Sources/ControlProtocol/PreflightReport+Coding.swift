extension PreflightReport: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(node)
        body.put(choice: verdict)
        body.put(failover)
        body.put(table)
        body.put(findings)
        body.put(passed)
        body.put(unknown)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        node = try body.text()
        verdict = try body.choice()
        failover = try body.optionalValue()
        table = try body.optionalValue()
        findings = try body.list()
        passed = try body.list()
        unknown = try body.list()
    }
}

extension PreflightReport.Check: BodyValue {
    func write(to body: inout BodyWriter) { body.put(choice: self) }

    init(from body: inout BodyReader) throws(ControlProtocolError) { self = try body.choice() }
}

extension PreflightReport.Finding: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(check)
        body.put(choice: severity)
        body.put(what)
        body.put(node)
        body.put(command)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        check = try body.value()
        severity = try body.choice()
        what = try body.text()
        node = try body.text()
        command = try body.text()
    }
}

extension PreflightReport.Failover: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(from)
        body.put(to)
        body.put(flows)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        from = try body.text()
        to = try body.text()
        flows = try body.number()
    }
}

extension PreflightReport.Table: BodyValue {
    func write(to body: inout BodyWriter) {
        body.put(node)
        body.put(entries)
        body.put(expected)
        body.put(limit)
        body.put(buckets)
    }

    init(from body: inout BodyReader) throws(ControlProtocolError) {
        node = try body.text()
        entries = try body.number()
        expected = try body.number()
        limit = try body.optionalNumber()
        buckets = try body.optionalNumber()
    }
}
