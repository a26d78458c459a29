/// One word of a file and its place.
struct Word: Equatable {
    var text: String
    var position: FilePosition
}

/// A leaf (`port 3780`) or a block (`interface sync0 { … }`) as the file has it, not yet understood.
struct Statement: Equatable {
    /// The first word: what the statement is about.
    var keyword: Word
    /// The words behind it.
    var values: [Word]
    /// What stands between the braces; nil for a leaf.
    var block: [Statement]?

    var position: FilePosition { keyword.position }
}

/// Reads the statements of one file; includes are still statements afterwards.
struct StatementParser {
    private var tokenizer: Tokenizer
    private var pending: (token: Token, position: FilePosition)?
    private var ownProblems: [ConfigurationProblem] = []
    private var gaveUp = false

    /// What was wrong, in the order of the file.
    var problems: [ConfigurationProblem] {
        (ownProblems + tokenizer.problems).sorted {
            ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column)
        }
    }

    /// Prepares to read a file.
    init(_ file: ConfigurationFile, dialect: Dialect = .agent) {
        tokenizer = Tokenizer(file, dialect: dialect)
    }

    /// Reads all statements of the file.
    mutating func parse() -> [Statement] {
        var statements: [Statement] = []
        while !gaveUp {
            statements += parseBlock(openedAt: nil, depth: 0)
            guard let (_, position) = take() else { break }
            report(position, "this } closes nothing", remedy: "remove it, or add the { that it belongs to")
        }
        return statements
    }

    private mutating func take() -> (token: Token, position: FilePosition)? {
        defer { pending = nil }
        return pending ?? tokenizer.next()
    }

    private mutating func report(_ position: FilePosition, _ what: String, remedy: String) {
        ownProblems.append(ConfigurationProblem(.error, position, what, remedy: remedy))
    }

    /// Reads up to the `}` that closes the block, or to the end; on the outermost level the `}` is left in place.
    private mutating func parseBlock(openedAt opening: FilePosition?, depth: Int) -> [Statement] {
        var statements: [Statement] = []
        while !gaveUp {
            guard let (token, position) = take() else {
                if let opening { report(opening, "this { is never closed", remedy: "close it with }") }
                return statements
            }
            switch token {
            case .newline, .semicolon:
                continue
            case .close:
                if opening == nil { pending = (token, position) }
                return statements
            case .open:
                report(position, "a block without a name", remedy: "write the name before the {")
                _ = enterBlock(at: position, depth: depth)
            case .word(let text):
                statements.append(parseStatement(Word(text: text, position: position), depth: depth))
            }
        }
        return statements
    }

    private mutating func parseStatement(_ keyword: Word, depth: Int) -> Statement {
        var statement = Statement(keyword: keyword, values: [], block: nil)
        while let (token, position) = take() {
            switch token {
            case .word(let text):
                statement.values.append(Word(text: text, position: position))
            case .open:
                statement.block = enterBlock(at: position, depth: depth)
                return statement
            case .semicolon:
                return statement
            case .close:
                pending = (token, position)
                return statement
            case .newline:
                // The brace may stand on a line of its own.
                var ahead = take()
                while let next = ahead, next.token == .newline { ahead = take() }
                guard let next = ahead else { return statement }
                if next.token == .open {
                    statement.block = enterBlock(at: next.position, depth: depth)
                } else {
                    pending = next
                }
                return statement
            }
        }
        return statement
    }

    private mutating func enterBlock(at position: FilePosition, depth: Int) -> [Statement] {
        guard depth < ConfigurationLimit.nesting else {
            report(
                position, "blocks are nested deeper than \(ConfigurationLimit.nesting)",
                remedy: "the rest of this file was not read")
            gaveUp = true
            return []
        }
        return parseBlock(openedAt: position, depth: depth + 1)
    }
}
