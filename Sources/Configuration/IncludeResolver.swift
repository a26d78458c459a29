/// Puts the statements of included files where the `include` stands.
struct IncludeResolver {
    private let loader: any ConfigurationLoader
    private let dialect: Dialect
    private var openPaths: [String] = []
    private var fileCount = 0
    /// What was wrong in any of the files.
    private(set) var problems: [ConfigurationProblem] = []

    /// Makes a resolver for files of one dialect.
    init(loader: any ConfigurationLoader, dialect: Dialect = .agent) {
        self.loader = loader
        self.dialect = dialect
    }

    /// The statements of a file and of all that it includes.
    ///
    /// `origin` is where the file was asked for; problems of the loader are reported there.
    mutating func statements(matching pattern: String, origin: FilePosition, includer: String?) -> [Statement] {
        let files: [ConfigurationFile]
        do {
            files = try loader.files(matching: pattern, includedFrom: includer)
        } catch {
            report(origin, "\(pattern) \(error.what)", remedy: error.remedy)
            return []
        }
        return files.flatMap { statements(of: $0, origin: origin) }
    }

    private mutating func statements(of file: ConfigurationFile, origin: FilePosition) -> [Statement] {
        if openPaths.contains(file.path) {
            report(origin, "\(file.path) includes itself", remedy: "remove one of the includes")
            return []
        }
        guard fileCount < ConfigurationLimit.files else {
            report(
                origin, "more than \(ConfigurationLimit.files) files", remedy: "join some; \(file.path) was not read")
            return []
        }
        guard file.bytes.count <= ConfigurationLimit.fileBytes else {
            report(origin, "\(file.path) \(ConfigurationLoadError.tooLarge.what)", remedy: "split it with include")
            return []
        }
        fileCount += 1
        openPaths.append(file.path)
        defer { openPaths.removeLast() }
        var parser = StatementParser(file, dialect: dialect)
        let statements = parser.parse()
        problems += parser.problems
        return resolve(statements, in: file.path)
    }

    private mutating func resolve(_ statements: [Statement], in path: String) -> [Statement] {
        var resolved: [Statement] = []
        for var statement in statements {
            if statement.keyword.text == "include" {
                guard statement.values.count == 1, statement.block == nil else {
                    report(statement.position, "include needs one path", remedy: "write `include PATH`")
                    continue
                }
                let pattern = statement.values[0]
                resolved += self.statements(matching: pattern.text, origin: pattern.position, includer: path)
                continue
            }
            if let block = statement.block { statement.block = resolve(block, in: path) }
            resolved.append(statement)
        }
        return resolved
    }

    private mutating func report(_ position: FilePosition, _ what: String, remedy: String) {
        problems.append(ConfigurationProblem(.error, position, what, remedy: remedy))
    }
}
