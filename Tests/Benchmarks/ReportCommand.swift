internal import ArgumentParser
internal import FoundationEssentials

/// `benchmark report`: from the measurements' lines to a table, JSON and a chart.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write results.md, results.json and results.svg, and print the table.")

    @Option(help: "The folder of the results.")
    var output: String

    @Argument(help: "The file with one JSON object a line.")
    var lines: String

    func run() throws {
        let decoder = JSONDecoder()
        let read = try String(contentsOfFile: lines, encoding: .utf8).split(separator: "\n").map { line in
            try decoder.decode(ResultLine.self, from: Data(line.utf8))
        }
        let results = Results(read)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let table = ResultTable(results: results).text
        try write(table, to: "results.md")
        try write(String(decoding: encoder.encode(results), as: UTF8.self) + "\n", to: "results.json")
        try write(ResultChart(results: results).text, to: "results.svg")
        print(table, terminator: "")
    }

    private func write(_ text: String, to name: String) throws {
        try text.write(toFile: output + "/" + name, atomically: true, encoding: .utf8)
    }
}
