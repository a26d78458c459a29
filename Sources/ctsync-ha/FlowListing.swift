internal import ControlProtocol
internal import LinuxIO

/// Prints a listing batch by batch, so that a million flows need no memory here.
struct FlowListing {
    private let json: Bool
    private var output = StandardStream.output()
    private var count = 0

    /// Begins a listing.
    init(json: Bool) {
        self.json = json
        output.write(json ? "[" : FlowTable.header)
    }

    /// Prints the flows of one batch; a warning goes to stderr.
    mutating func take(_ batch: FlowBatch) throws {
        if let warning = batch.warning { Output.complain("warning: \(warning)") }
        for line in batch.lines {
            let text =
                json
                ? (count == 0 ? "\n" : ",\n") + (try Output.json(line, compact: true)) : FlowTable.render(line) + "\n"
            output.write(text)
            count += 1
        }
    }

    /// Ends the listing.
    mutating func finish() {
        if json { output.write(count == 0 ? "]\n" : "\n]\n") }
        output.flush()
    }
}

extension ControlOptions {
    /// Asks for a listing and prints it.
    func list(_ request: ControlRequest, json: Bool) throws {
        var listing: FlowListing?
        let outcome = try ask(request) { reply in
            guard case .flows(let batch) = reply else { return }
            // The header waits for the first batch: a refusal prints nothing on stdout.
            var current = listing ?? FlowListing(json: json)
            try current.take(batch)
            listing = current
        }
        listing?.finish()
        try outcome.end()
    }
}
