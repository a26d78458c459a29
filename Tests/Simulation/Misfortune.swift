/// What chance may do to a world while faults last.
public enum Misfortune: UInt8, CaseIterable, Sendable {
    /// The addresses go to another node.
    case handover
    /// The links lose, double, delay and reorder, and replay if the setup says so.
    case weather
    /// All links are cut: what one node sends, or everything.
    case cut
    /// An agent is killed between two turns, and starts again.
    case kill
    /// An agent ends in order, and starts again.
    case end
    /// A node loses its power, and its table with it.
    case powerLoss
    /// A master loses its power and comes back empty before anyone has noticed.
    case emptyReturn
    /// The kernel drops the events that wait.
    case eventLoss
    /// An agent stands still.
    case pause
    /// The addresses go to and fro.
    case flapping
    /// The manager says what is not so; the addresses correct it.
    case falseWord
    /// Some paths are cut: between two nodes, around one of them, or one link while the others go on.
    case partition
    /// An agent is killed in the middle of a turn, soon, and starts again.
    case killInTurn
    /// The kernel's queue of events is short while more happens.
    case overrun
    /// The kernel refuses writes for a while.
    case refusals
    /// Flows by the thousand expire at once.
    case expiryBurst
    /// Hosts fall silent, and most flows of all tables expire at once.
    case silence
    /// What a standby's kernel still has expires at once.
    case staleExpiry
    /// Two nodes hold the addresses, and both forward traffic.
    case twoMasters
    /// The wall clock of a node is set, and its agent starts again.
    case clockStep
    /// The keys are rolled over on all nodes, one by one.
    case keyRollover
    /// All nodes go to another stage of sealing, one by one.
    case stageStep
    /// Somebody on the link forges, changes, repeats and reflects datagrams.
    case attack

    /// Those of the first runs, each as often as it is likely: kept seeds of then stand for what they did then.
    static let first: [Misfortune] = [
        .handover, .handover, .handover, .weather, .cut, .cut, .kill, .end, .powerLoss, .emptyReturn, .eventLoss,
        .pause, .flapping, .falseWord,
    ]
}
