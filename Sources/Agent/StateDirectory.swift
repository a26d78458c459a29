internal import Failover
internal import LinuxIO

/// What must survive a restart: the incarnation and the last term, one number a line.
struct StateDirectory {
    let path: String

    private var file: String { path + "/incarnation" }
    private var termFile: String { path + "/term" }

    /// Takes the next incarnation and stores it before it is used.
    ///
    /// Keys are derived from it, so two runs must never share one, not even on two nodes that were given the same name:
    /// hence nanoseconds.
    func nextIncarnation() throws(StartFailure) -> Incarnation {
        let incarnation = Incarnation(startTime: WallClock.nanoseconds(), stored: try number(in: file))
        do throws(SmallFile.ReplaceFailure) { try SmallFile.replace(file, with: "\(incarnation.number)\n") } catch {
            switch error {
            case .system(let error): throw .state(path, "\(error)")
            }
        }
        return incarnation
    }

    /// The term that the last run took, 0 if there was none.
    func storedTerm() throws(StartFailure) -> UInt64 { try number(in: termFile) }

    /// Stores a term; false if it could not be.
    func store(term: UInt64) -> Bool {
        do {
            try SmallFile.replace(termFile, with: "\(term)\n")
            return true
        } catch {
            return false
        }
    }

    private func number(in file: String) throws(StartFailure) -> UInt64 {
        let text: String
        do throws(SmallFile.ReadFailure) { text = try SmallFile.readText(file, limit: 64) } catch {
            switch error {
            case .missing: return 0
            case .tooLarge: throw .state(path, "\(file) holds no number; remove it")
            case .system(let error): throw .state(path, "\(error)")
            }
        }
        guard let number = UInt64(text.prefix { !$0.isWhitespace }) else {
            throw .state(path, "\(file) holds no number; remove it")
        }
        return number
    }
}
