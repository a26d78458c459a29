internal import Conntrack
internal import StateMachine

/// Understands statements: fills in the model, and says what it cannot understand.
struct ConfigurationReader {
    /// An interface as the file has it, before the checks.
    struct InterfaceDraft {
        var name: Word
        var peers: [(address: HostAddress, position: FilePosition)] = []
        var port: UInt16?
        var listenAddress: (address: HostAddress, position: FilePosition)?
    }

    let path: String
    let protocols: ProtocolNames
    /// The model so far; its links are filled in by `finish`.
    var draft: AgentConfiguration
    var interfaces: [InterfaceDraft] = []
    /// Those at the top.
    var listenAddresses: [(address: HostAddress, position: FilePosition)] = []
    var multicastGroup: (address: HostAddress, position: FilePosition)?
    var sealingPosition: FilePosition?
    var nodeNameIsSaid = false
    var standbySaid: StandbyMode?
    var acceptsAllProtocols = false
    var acceptsAllHelpers = false
    var helpers: Set<KernelName> = []
    /// Where `expect-sync` said none first.
    var noExpectations: FilePosition?
    private(set) var problems: [ConfigurationProblem] = []
    /// Where leaves that take one value were said first.
    private var said: [String: FilePosition] = [:]

    /// Begins with the defaults.
    init(path: String, hostName: String, protocols: ProtocolNames) {
        self.path = path
        self.protocols = protocols
        draft = AgentConfiguration(nodeName: hostName, links: [])
    }

    mutating func error(_ position: FilePosition, _ what: String, remedy: String) {
        problems.append(ConfigurationProblem(.error, position, what, remedy: remedy))
    }

    mutating func warn(_ position: FilePosition, _ what: String, remedy: String) {
        problems.append(ConfigurationProblem(.warning, position, what, remedy: remedy))
    }

    /// Reads the statements of a block; an unknown word is reported with the nearest known one.
    mutating func read<Words: Vocabulary>(
        _ statements: [Statement], as words: Words.Type,
        _ body: (inout ConfigurationReader, Words, Statement) -> Void
    ) {
        for statement in statements {
            if let word = Words(rawValue: statement.keyword.text) {
                body(&self, word, statement)
            } else {
                reportUnknown(statement.keyword, among: words)
            }
        }
    }

    private mutating func reportUnknown<Words: Vocabulary>(_ word: Word, among words: Words.Type) {
        let text = word.text
        let remedy: String
        if let place = Words.places(of: text).first {
            remedy = "it belongs \(place)"
        } else if let nearest = Spelling.nearest(to: text, among: Words.allCases.map(\.rawValue)) {
            remedy = "did you mean `\(nearest)`?"
        } else if Words.allCases.count <= 5 {
            remedy = "known here: \(Words.allCases.map(\.usage).joined(separator: ", "))"
        } else {
            remedy = "remove it"
        }
        error(word.position, "unknown word `\(text)` \(Words.place)", remedy: remedy)
    }

    /// The one value of a leaf that may be said once; nil, with a problem, for anything else.
    mutating func single(_ word: some Vocabulary, _ statement: Statement, scope: String = "") -> Word? {
        guard let value = one(word, statement) else { return nil }
        return first(word, statement, scope: scope) ? value : nil
    }

    /// The one value of a leaf that may be repeated.
    mutating func one(_ word: some Vocabulary, _ statement: Statement) -> Word? {
        guard statement.block == nil, statement.values.count == 1, !statement.values[0].text.isEmpty else {
            let what =
                statement.block != nil
                ? "`\(word.rawValue)` is no block"
                : statement.values.isEmpty
                    ? "`\(word.rawValue)` has no value" : "`\(word.rawValue)` takes one value"
            let place = statement.values.dropFirst().first?.position ?? statement.position
            error(place, what, remedy: "write `\(word.usage)`")
            return nil
        }
        return statement.values[0]
    }

    /// The values of a leaf, several in a line or joined by commas.
    mutating func several(_ word: some Vocabulary, _ statement: Statement) -> [Word] {
        guard statement.block == nil, !statement.values.isEmpty else {
            let what = statement.block == nil ? "has no value" : "is no block"
            error(statement.position, "`\(word.rawValue)` \(what)", remedy: "write `\(word.usage)`")
            return []
        }
        var words: [Word] = []
        for value in statement.values {
            var position = value.position
            for part in value.text.split(separator: ",", omittingEmptySubsequences: false) {
                if !part.isEmpty { words.append(Word(text: String(part), position: position)) }
                position.column += part.unicodeScalars.count + 1
            }
        }
        return words
    }

    /// A leaf without values.
    mutating func flag(_ word: some Vocabulary, _ statement: Statement) -> Bool {
        guard statement.block == nil, statement.values.isEmpty else {
            error(
                statement.values.first?.position ?? statement.position, "`\(word.rawValue)` takes no value",
                remedy: "write `\(word.usage)`")
            return false
        }
        return true
    }

    /// The inside of a block without a name.
    mutating func block(_ word: some Vocabulary, _ statement: Statement) -> [Statement]? {
        guard let block = statement.block, statement.values.isEmpty else {
            error(
                statement.values.first?.position ?? statement.position,
                statement.block == nil ? "`\(word.rawValue)` needs a block" : "`\(word.rawValue)` takes no name",
                remedy: "write `\(word.usage)`")
            return nil
        }
        return block
    }

    /// Whether this is the first time that a leaf with one value is said; a second is an error.
    mutating func first(_ word: some Vocabulary, _ statement: Statement, scope: String = "") -> Bool {
        let key = "\(scope)/\(word.rawValue)"
        if let before = said[key] {
            error(statement.position, "`\(word.rawValue)` was said already at \(before)", remedy: "remove one")
            return false
        }
        said[key] = statement.position
        return true
    }

    /// Tells that a leaf is understood and does nothing in this version.
    mutating func warnInert(_ statement: Statement, _ what: String, remedy: String = "it will act in a later version") {
        warn(statement.position, "`\(statement.keyword.text)` does not act yet: \(what)", remedy: remedy)
    }
}
