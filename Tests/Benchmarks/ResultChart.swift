/// The results as bars, a picture in SVG: one block a measurement, one group a situation, one bar an agent.
struct ResultChart {
    let results: Results

    private static let width = 880.0
    private static let barStart = 430.0
    private static let barEnd = 800.0
    private static let rowHeight = 17.0
    private static let groupGap = 7.0
    private static let blockGap = 24.0
    private static let colours = [
        "floor": "#8a8a8a", "ctsync-ha-hot": "#0b6e4f", "ctsync-ha-cold": "#3fa27b", "conntrackd-hot": "#d98c3f",
        "conntrackd-cold": "#b5482a",
    ]

    var text: String {
        var body = ""
        var top = 24.0
        for kind in MeasurementKind.allCases {
            let rows = results.rows.filter { $0.measurement == kind }
            guard let longest = rows.compactMap({ $0.principal?.max }).max(), longest > 0 else { continue }
            body += Self.words(kind.title, x: 16, y: top, weight: "bold")
            top += Self.blockGap
            var former: Results.Row?
            for row in rows {
                if former?.isBeside(row) != true {
                    if former != nil { top += Self.groupGap }
                    body += Self.words("\(row.case), \(Double(row.flows).short)", x: 16, y: top)
                }
                body += Self.bar(row, top: top, scale: (Self.barEnd - Self.barStart) / longest)
                top += Self.rowHeight
                former = row
            }
            top += Self.blockGap
        }
        return """
            <svg xmlns="\(Self.namespace)" width="\(Self.width)" height="\(top)" viewBox="0 0 \(Self.width) \(top)" \
            font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            \(body)</svg>

            """
    }

    /// SVG's name; in halves, since it is no address to visit.
    private static let namespace = "http:" + "//www.w3.org/2000/svg"

    /// A bar as long as the median, with a whisker from the least to the greatest.
    private static func bar(_ row: Results.Row, top: Double, scale: Double) -> String {
        guard let spread = row.principal else { return "" }
        let colour = colours[row.agent] ?? "#444444"
        let middle = top - 4
        let (low, high) = ((barStart + spread.min * scale).rounded(), (barStart + spread.max * scale).rounded())
        return words(row.agent, x: barStart - 8, y: top, anchor: "end")
            + """
            <rect x="\(barStart)" y="\(top - 10)" width="\(max((spread.median * scale).rounded(), 1))" height="12" \
            fill="\(colour)"/>
            <path d="M\(low) \(middle)H\(high)M\(low) \(middle - 3)v6M\(high) \(middle - 3)v6" stroke="black"/>

            """
            + words(spread.median.short, x: high + 8, y: top)
    }

    private static func words(
        _ text: String, x: Double, y: Double, weight: String = "normal", anchor: String = "start"
    ) -> String {
        """
        <text x="\(x)" y="\(y)" font-weight="\(weight)" text-anchor="\(anchor)">\(text)</text>

        """
    }
}
