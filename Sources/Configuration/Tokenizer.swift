/// One piece of a configuration's text.
enum Token: Equatable {
    case word(String)
    case open
    case close
    case semicolon
    case newline
}

/// How a file is cut into words.
struct Dialect {
    /// Bytes that begin a comment up to the end of the line.
    var lineComments: [UInt8]
    /// Whether `/* */` is a comment.
    var blockComments: Bool
    /// Whether `;` ends a leaf.
    var semicolons: Bool

    /// The agent's own files.
    static let agent = Dialect(lineComments: [UInt8(ascii: "#")], blockComments: true, semicolons: true)
    /// keepalived.conf(5).
    static let keepalived = Dialect(
        lineComments: [UInt8(ascii: "#"), UInt8(ascii: "!")], blockComments: false, semicolons: false)
}

/// Cuts the bytes of a file into tokens and remembers where each began.
///
/// `/*` begins a comment only where a word could begin, since `conf.d/*.conf` is a word.
struct Tokenizer {
    private let bytes: [UInt8]
    private let file: String
    private let dialect: Dialect
    private var offset = 0
    private var line = 1
    private var column = 1
    /// What was wrong with the text so far.
    private(set) var problems: [ConfigurationProblem] = []

    /// Begins at the start of a file.
    init(_ source: ConfigurationFile, dialect: Dialect) {
        bytes = source.bytes
        file = source.path
        self.dialect = dialect
        // A byte order mark is what some editors leave; it means nothing here.
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { offset = 3 }
    }

    /// The next token and its place; nil at the end.
    mutating func next() -> (token: Token, position: FilePosition)? {
        skipBlanksAndComments()
        guard let byte = peek() else { return nil }
        let position = FilePosition(file, line, column)
        switch byte {
        case UInt8(ascii: "\n"):
            advance()
            return (.newline, position)
        case UInt8(ascii: "{"):
            advance()
            return (.open, position)
        case UInt8(ascii: "}"):
            advance()
            return (.close, position)
        case UInt8(ascii: ";") where dialect.semicolons:
            advance()
            return (.semicolon, position)
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            // The word begins behind its quote.
            return (quotedWord(byte, from: position), FilePosition(file, position.line, position.column + 1))
        default:
            return (plainWord(from: position), position)
        }
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        offset + ahead < bytes.count ? bytes[offset + ahead] : nil
    }

    private mutating func advance() {
        let byte = bytes[offset]
        offset += 1
        if byte == UInt8(ascii: "\n") {
            line += 1
            column = 1
        } else if peek().map({ $0 & 0xc0 != 0x80 }) ?? true {
            column += 1
        }
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private mutating func skipBlanksAndComments() {
        while let byte = peek() {
            if isBlank(byte) {
                advance()
            } else if dialect.lineComments.contains(byte) {
                while let next = peek(), next != UInt8(ascii: "\n") { advance() }
            } else if dialect.blockComments, byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                skipBlockComment()
            } else {
                return
            }
        }
    }

    private mutating func skipBlockComment() {
        let start = FilePosition(file, line, column)
        advance()
        advance()
        while let byte = peek() {
            if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                advance()
                advance()
                return
            }
            advance()
        }
        problems.append(
            ConfigurationProblem(.error, start, "this comment is never closed", remedy: "close it with */"))
    }

    private mutating func plainWord(from start: FilePosition) -> Token {
        var word: [UInt8] = []
        while let byte = peek(), !isBlank(byte), byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "{"),
            byte != UInt8(ascii: "}"), !(dialect.semicolons && byte == UInt8(ascii: ";")),
            !dialect.lineComments.contains(byte)
        {
            word.append(byte)
            advance()
        }
        return finish(word, from: start)
    }

    /// A quoted word ends at its quote; a line end before that is an error, and ends it too.
    private mutating func quotedWord(_ quote: UInt8, from start: FilePosition) -> Token {
        var word: [UInt8] = []
        advance()
        while let byte = peek(), byte != UInt8(ascii: "\n") {
            if byte == quote {
                advance()
                return finish(word, from: start)
            }
            let next = peek(1)
            if quote == UInt8(ascii: "\""), byte == UInt8(ascii: "\\"),
                next == quote || next == UInt8(ascii: "\\")
            {
                advance()
            }
            word.append(bytes[offset])
            advance()
        }
        let mark = String(decoding: [quote], as: UTF8.self)
        problems.append(
            ConfigurationProblem(
                .error, start, "this quote is never closed", remedy: "close it with \(mark) on the same line"))
        return finish(word, from: start)
    }

    private mutating func finish(_ word: [UInt8], from start: FilePosition) -> Token {
        if word.count > ConfigurationLimit.wordBytes {
            problems.append(
                ConfigurationProblem(
                    .error, start, "a word of \(word.count) bytes",
                    remedy: "at most \(ConfigurationLimit.wordBytes) fit"))
            return .word("")
        }
        if word.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            problems.append(
                ConfigurationProblem(.error, start, "a control character in a word", remedy: "remove it"))
        }
        guard let text = String(validating: word, as: UTF8.self) else {
            problems.append(
                ConfigurationProblem(.error, start, "these bytes are not UTF-8", remedy: "save the file as UTF-8"))
            return .word("")
        }
        return .word(text)
    }
}
