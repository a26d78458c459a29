/// Rows of text for a terminal of 80 columns: a label, and pieces that wrap beside it.
struct Screen {
    /// Columns that a row may take.
    static let width = 80
    /// Columns of the label with the blank behind it.
    private static let labelWidth = 11

    /// What was drawn, each row with its line end.
    private(set) var text = ""

    /// Draws one row as it is.
    mutating func line(_ row: String = "") { text += row + "\n" }

    /// Draws the first row: the verdict's word in its colour, what it means, and the node at the right edge.
    mutating func headline(
        _ word: String, _ verdict: StatusReport.Verdict, _ meaning: String, _ node: String, _ palette: Palette
    ) {
        let word = word.uppercased()
        let plain = "ctsync-ha  \(word)  \(meaning)"
        let room = max(1, Self.width - plain.count - 1)
        let node = String(printable(node).prefix(room))
        let gap = String(repeating: " ", count: max(1, Self.width - plain.count - node.count))
        line("ctsync-ha  \(palette.paint(word, verdict))  \(meaning)\(gap)\(node)")
    }

    /// Draws pieces behind a label; what does not fit goes on below.
    ///
    /// A piece breaks only where it alone is too long.
    mutating func row(_ label: String, _ pieces: [String]) {
        let room = Self.width - Self.labelWidth
        var rows: [String] = []
        var current = ""
        func flush() {
            if !current.isEmpty { rows.append(current) }
            current = ""
        }
        for piece in pieces.map(printable) where !piece.isEmpty {
            if current.count + 2 + piece.count <= room, !current.isEmpty {
                current += "  " + piece
                continue
            }
            flush()
            for word in piece.split(separator: " ", omittingEmptySubsequences: false) {
                if !current.isEmpty, current.count + 1 + word.count > room { flush() }
                current += current.isEmpty ? String(word) : " " + word
                while current.count > room {
                    rows.append(String(current.prefix(room)))
                    current = String(current.dropFirst(room))
                }
            }
        }
        flush()
        for (index, row) in rows.enumerated() {
            line(
                (index == 0 ? label.padded(to: Self.labelWidth) : String(repeating: " ", count: Self.labelWidth)) + row)
        }
    }
}

/// How colours look on a terminal (ECMA-48, SGR).
public enum Palette: Sendable {
    /// No colour: for files, pipes and dumb terminals.
    case plain
    case terminal

    func paint(_ text: String, _ verdict: StatusReport.Verdict) -> String {
        guard self == .terminal else { return text }
        let code =
            switch verdict {
            case .ok: 32
            case .warning: 33
            case .critical: 31
            }
        return "\u{1b}[1;\(code)m\(text)\u{1b}[0m"
    }
}

/// A text that moves no cursor: names come from other nodes, and a terminal would obey their control characters.
func printable(_ text: String) -> String {
    String(
        text.unicodeScalars.map { scalar in
            let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            let turnsDirection =
                (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
            return isControl || turnsDirection ? "?" : Character(scalar)
        })
}

/// A number in groups of three digits: `1,048,576`.
func grouped(_ number: UInt64) -> String {
    let digits = String(number)
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
        text.append(digit)
    }
    return text
}

/// Sixteen hexadecimal digits.
func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// A length of time for people, in its two largest units.
func elapsed(_ seconds: UInt64) -> String {
    switch seconds {
    case ..<60: "\(seconds) s"
    case ..<3600: "\(seconds / 60) min \(seconds % 60) s"
    case ..<86_400: "\(seconds / 3600) h \(seconds / 60 % 60) min"
    default: "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
    }
}

/// A short length of time for people.
func elapsed(milliseconds: UInt64) -> String {
    milliseconds < 10_000 ? "\(milliseconds) ms" : elapsed(milliseconds / 1000)
}

extension String {
    /// The text with blanks behind it up to a width; always at least one.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }

    /// The text with blanks before it up to a width.
    func rightAligned(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
