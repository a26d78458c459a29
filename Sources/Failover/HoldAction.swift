/// What the hold asks for; where the kernel refuses one, the caller removes the table and says `refused`.
public enum HoldAction: Equatable, Sendable {
    /// Make the table, which counts and drops nothing.
    case watch
    /// Read the counter. Answered by `counted`.
    case count
    /// Drop from now on, for a lifetime.
    case close
    /// Drop for another lifetime.
    case renew
    /// Let everything pass, at once, and remove the table.
    case remove(Reason)

    /// Why packets pass again.
    public enum Reason: String, CaseIterable, Sendable {
        /// The commit is done.
        case master = "this node is master"
        case fault = "this node does not stand by"
        case limit = "a virtual address has been here for hold-limit"
        case dissolved = "it was not renewed in time"
        case unusable = "there is nothing to hold"
        case onlyWatched = "it only watched"
    }
}
