/// Reads Swift source just well enough to tell code from comments and strings.
struct SwiftText {
    /// The code, with comments and the contents of strings and raw identifiers left out and every line kept.
    let code: String

    init(_ text: String) {
        var scanner = Scanner(characters: Array(text.unicodeScalars))
        code = scanner.code()
    }

    /// The words of the code: letters, digits, `_`, and the sign before them where it makes another word (`@safe`).
    var words: [Substring] {
        code.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "@" || $0 == "#") }
    }

    /// The modules imported, in order of appearance.
    var imports: [String] {
        code.split(separator: "\n").compactMap { line in
            var words = line.split(separator: " ")[...]
            while let first = words.first,
                ["public", "internal", "private", "fileprivate", "@testable"].contains(first)
            {
                words.removeFirst()
            }
            guard words.first == "import", let module = words.dropFirst().last else { return nil }
            return module.split(separator: ".").first.map(String.init)
        }
    }

    private struct Scanner {
        let characters: [Unicode.Scalar]
        var position = 0
        var result = String.UnicodeScalarView()

        mutating func code() -> String {
            while position < characters.count {
                if starts(with: "//") {
                    skip { $0 == "\n" }
                } else if starts(with: "/*") {
                    position += 2
                    while position < characters.count, !starts(with: "*/") { keepLine() }
                    position += 2
                } else if starts(with: "\"\"\"") {
                    position += 3
                    while position < characters.count, !starts(with: "\"\"\"") { keepLine() }
                    position += 3
                } else if characters[position] == "\"" {
                    skipString()
                } else if characters[position] == "`" {
                    position += 1
                    skip { $0 == "`" || $0 == "\n" }
                    position += 1
                } else {
                    result.append(characters[position])
                    position += 1
                }
            }
            return String(result)
        }

        private func starts(with text: String) -> Bool {
            let scalars = Array(text.unicodeScalars)
            return position + scalars.count <= characters.count
                && characters[position..<(position + scalars.count)].elementsEqual(scalars)
        }

        private mutating func keepLine() {
            if characters[position] == "\n" { result.append("\n") }
            position += 1
        }

        private mutating func skip(to isEnd: (Unicode.Scalar) -> Bool) {
            while position < characters.count, !isEnd(characters[position]) { position += 1 }
        }

        /// Skips a string of one line; quotes inside an interpolation belong to it.
        private mutating func skipString() {
            result.append("\"")
            position += 1
            var depth = 0
            while position < characters.count, characters[position] != "\n" {
                if starts(with: "\\(") {
                    depth += 1
                    position += 2
                } else if characters[position] == "\\" {
                    position += 2
                } else {
                    if depth > 0, characters[position] == "(" { depth += 1 }
                    if depth > 0, characters[position] == ")" { depth -= 1 }
                    let ends = characters[position] == "\"" && depth == 0
                    position += 1
                    if ends { break }
                }
            }
            result.append("\"")
        }
    }
}
