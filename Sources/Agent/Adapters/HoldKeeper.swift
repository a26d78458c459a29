internal import ControlProtocol
internal import Failover
internal import Netfilter
internal import StateMachine
internal import Systemd

/// Carries out what the hold asks for, and says so in the journal.
///
/// It is the control thread's: that one sees the addresses itself, hears of each role as it is reached, and opens the
/// hold in time even if the data thread does not turn any more.
struct HoldKeeper: ~Copyable {
    /// Whether the configuration wants a hold: `hold on`, with a standby that is cold.
    private(set) var isWanted: Bool

    private var machine: Hold
    private var table: HoldTable?
    private let journal: Journal
    /// The interfaces that the group's addresses belong to, and those of the present table.
    private var known: [String] = []
    private var carriers: [String] = []
    private var isTracked = true
    /// What earlier tables held.
    private var heldBefore: UInt64 = 0
    private var failure: HoldError?
    private var toldNoCarriers = false

    /// Makes a hold that is open.
    init(isWanted: Bool, limit: Instant.Span, journal: Journal) {
        self.isWanted = isWanted
        self.journal = journal
        machine = Hold(limit: limit)
    }

    /// The instant at which `advance(to:)` has something to do, or `never`.
    var nextDeadline: Instant { machine.nextDeadline }

    /// Whether the table is there.
    var hasTable: Bool { table != nil }

    /// How often a table was made or changed in this run: the kernel counts each as a change of the rules.
    private(set) var changes: UInt32 = 0

    /// The role machine went to a state, by the name in reports.
    mutating func follow(role: String, at now: Instant) {
        guard let standing = Hold.Standing(rawValue: role) else { return }
        perform(machine.follow(standing, at: now), at: now)
    }

    /// A virtual address may be here or is not, and the interfaces that carry them are these.
    mutating func see(addresses areHere: Bool, on carriers: [String], at now: Instant) {
        known = Array(carriers.prefix(HoldTable.interfaceLimit))
        // What comes in through another interface has not been watched; beside an address it is too late for that.
        if hasTable, known != self.carriers, !areHere { perform(machine.use(false, at: now), at: now) }
        if isWanted, known.isEmpty, !toldNoCarriers {
            toldNoCarriers = true
            journal.write(.warning, "no hold: \(Self.noCarriers)")
        }
        perform(machine.see(addresses: areHere, at: now), at: now)
        reviewUse(at: now)
    }

    /// Packets are tracked here by rules beside the hold's; nil: it is not known.
    mutating func take(tracking: Bool?, at now: Instant) {
        isTracked = tracking ?? true
        reviewUse(at: now)
    }

    /// Does what has become due.
    mutating func advance(to now: Instant) { perform(machine.advance(to: now), at: now) }

    /// Lets everything pass, for good: the agent ends.
    mutating func end(at now: Instant) {
        isWanted = false
        reviewUse(at: now)
    }

    /// What `status` says.
    mutating func report() -> StatusReport.Hold {
        let state: StatusReport.Hold.State =
            switch machine.state {
            case _ where !isWanted: .off
            case .open: .open
            case .watching: .watching
            case .closed: .closed
            case .refused: .unavailable
            }
        return StatusReport.Hold(state: state, held: heldBefore + held())
    }

    /// What keeps it from being of use, and what helps; nil if nothing does.
    var obstacle: StatusReport.Reason? {
        guard isWanted else { return nil }
        if case .refused = machine.state, let failure {
            return .init("no hold: \(failure.what)", remedy: failure.remedy)
        }
        return toldNoCarriers && known.isEmpty ? .init("no hold: \(Self.noCarriers)", remedy: Self.nameThem) : nil
    }

    private static let noCarriers = "the interfaces of the virtual addresses are not known"
    private static let nameThem = "keepalived { config PATH } in the configuration; or hold off"

    private mutating func reviewUse(at now: Instant) {
        perform(machine.use(isWanted && isTracked && !known.isEmpty, at: now), at: now)
    }

    private mutating func perform(_ actions: ActionList<HoldAction>, at now: Instant) {
        for action in actions {
            do { try perform(action, at: now) } catch {
                // With its socket the table goes, whatever state it is in.
                drop()
                machine.refused(at: now)
                if failure != error { journal.write(.warning, "no hold: \(error.what); \(error.remedy)") }
                failure = error
                return
            }
        }
    }

    private mutating func perform(_ action: HoldAction, at now: Instant) throws(HoldError) {
        switch action {
        case .watch:
            drop()
            carriers = known
            table = try HoldTable.make(interfaces: carriers, lifetime: Hold.lifetime)
            changes &+= 1
            failure = nil
        case .count:
            guard let seen = try table?.seen() else { return }
            perform(machine.counted(seen, at: now), at: now)
        case .close:
            try table?.close()
            changes &+= 1
            journal.write(.notice, "the hold is closed on \(carriers.joined(separator: ", "))")
        case .renew:
            try table?.close()
            changes &+= 1
        case .remove(let reason):
            try table?.open()
            let held = held()
            try table?.remove()
            changes &+= 2
            heldBefore += held
            table = nil
            if reason != .onlyWatched {
                journal.write(.notice, "the hold is open: \(reason.rawValue); \(held) packets held")
            }
        }
    }

    /// Packets that the present table has held.
    private mutating func held() -> UInt64 { (try? table?.held()) ?? 0 }

    private mutating func drop() {
        heldBefore += held()
        table = nil
    }
}

extension HoldError {
    /// What is wrong, as a sentence's end.
    var what: String {
        switch self {
        case .notPermitted: "the agent may not write rules"
        case .unavailable: "this kernel has no nf_tables with tables that have an owner"
        case .taken: "another process has the table inet \(HoldTable.name)"
        case .refused(let errno): "the kernel refused the table inet \(HoldTable.name) (errno \(errno))"
        case .unanswered: "the kernel did not answer"
        case .socket(let error): "the socket failed (\(error))"
        }
    }

    /// What helps.
    var remedy: String {
        switch self {
        case .notPermitted: "give the agent CAP_NET_ADMIN; or hold off"
        case .unavailable: "modprobe nf_tables (Linux 5.12 or later); or hold off"
        case .taken: "nft list table inet \(HoldTable.name); or hold off"
        case .refused, .unanswered, .socket: "see the kernel's log; or hold off"
        }
    }
}
