internal import ControlProtocol
internal import LinuxIO

/// How a listing is printed.
struct ListingOptions {
    /// JSON instead of a table.
    var json: Bool
    /// Below each row of the table what the row does not show.
    var details: Bool
}

/// Prints a listing batch by batch, so that a million flows need no memory here.
struct FlowListing {
    private let options: ListingOptions
    private var output = StandardStream.output()
    private var count = 0

    /// Begins a listing; the table has a header.
    init(_ options: ListingOptions, header: String) {
        self.options = options
        output.write(options.json ? "[" : header)
    }

    /// Prints the flows of one batch; a warning goes to stderr.
    mutating func take(_ batch: FlowBatch) throws {
        if let warning = batch.warning { Output.complain("warning: \(warning)") }
        for line in batch.lines {
            try print(line, row: FlowTable.render, details: FlowTable.renderDetails)
        }
    }

    /// Prints the expectations of one batch; a warning goes to stderr.
    mutating func take(_ batch: ExpectationLineBatch) throws {
        if let warning = batch.warning { Output.complain("warning: \(warning)") }
        for line in batch.lines {
            try print(line, row: ExpectationTable.render, details: ExpectationTable.renderDetails)
        }
    }

    private mutating func print<Line: Encodable>(
        _ line: Line, row: (Line) -> String, details: (Line) -> String
    ) throws {
        if options.json {
            output.write((count == 0 ? "\n" : ",\n") + (try Output.json(line, compact: true)))
        } else {
            output.write(row(line) + "\n")
            if options.details { output.write(details(line)) }
        }
        count += 1
    }

    /// Ends the listing.
    mutating func finish() {
        if options.json { output.write(count == 0 ? "]\n" : "\n]\n") }
        output.flush()
    }
}

extension ControlOptions {
    /// Asks for a listing and prints it.
    func list(_ request: ControlRequest, _ options: ListingOptions) throws {
        var listing: FlowListing?
        let outcome = try ask(request) { reply in
            // The header waits for the first batch: a refusal prints nothing on stdout.
            switch reply {
            case .flows(let batch):
                var current = listing ?? FlowListing(options, header: FlowTable.header)
                try current.take(batch)
                listing = current
            case .expectations(let batch):
                var current = listing ?? FlowListing(options, header: ExpectationTable.header)
                try current.take(batch)
                listing = current
            case .done, .refused, .status, .statistics, .preflight, .keys, .progress: break
            }
        }
        listing?.finish()
        try outcome.end()
    }
}
