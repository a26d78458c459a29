public import StateMachine

/// Derives the role of one sync group from words that come late, twice, inverted or not at all.
///
/// Sources, from strong to weak: the operator until a manager speaks; the virtual addresses where they are unambiguous
/// and contradict the manager for longer than `disagreementLimit`; the group's last line; the members' lines where the
/// group's line is doubtful. keepalived has a path that changes all members of a group and says nothing of the group
/// (keepalived_netlink.c, `set_vrrp_backup`), so a member that differs from its group for `doubtSpan` makes that line
/// doubtful: the group then is master if and only if all its members are.
///
/// Feed it with `hear`, `see`, `choose` and `chooseAutomatically`, call `advance(to:)` when `nextDeadline` has come,
/// and follow `truth`.
public struct RoleReconciler: Equatable, Sendable {
    /// How long a member may differ from its group before the group's line is doubtful: members of a group in
    /// transition were seen 1 to 20 ms apart.
    public static let doubtSpan = Instant.Span.milliseconds(100)
    /// How long the addresses may contradict the manager.
    ///
    /// A crashed keepalived leaves them behind for 0.65 s. A hold lasts longer, so that a cold standby's commit has the
    /// rest.
    public static let disagreementLimit = Instant.Span.seconds(1)
    /// How many members are learnt from their lines where the configuration names none.
    public static let learntLimit = 64

    /// The group's name.
    public let group: String
    /// Whether the first member that is master makes the group master for as long as it may be on its way there: the
    /// lines of members come up to 20 ms before their group's.
    public let followsFirstMember: Bool
    /// What the role state machine is to follow.
    public private(set) var truth: RoleTruth
    /// The contradiction between words and addresses, once it has outlasted its limit.
    public private(set) var disagreement: RoleDisagreement?

    private var membership: Membership
    private var groupLine: Line?
    private var memberLines: [String: Line] = [:]
    private var linesHeard: UInt64 = 0
    private var manual: Role?
    private var addresses = Addresses()
    /// When a member that differs from its group makes the group's line doubtful; `never` when none does.
    private var doubtDue = Instant.never
    private var isDoubtful = false
    private var contradictionBegan: Instant?

    /// Who belongs to the group.
    private enum Membership: Equatable, Sendable {
        /// The configuration names them.
        case configured(Set<String>)
        /// Instances that spoke with the group. An instance of another group may have slipped in: they cast doubt, and
        /// never decide.
        case learnt(Set<String>)
    }

    /// The last line about an object.
    private struct Line: Equatable, Sendable {
        var role: Role
        var source: RoleSource
        var said: Instant
        /// Its place among the lines heard: one batch of lines has one instant.
        var place: UInt64

        func isAfter(_ other: Line) -> Bool { (said, place) > (other.said, other.place) }
    }

    /// What is known of the virtual addresses.
    private struct Addresses: Equatable, Sendable {
        var presence = AddressPresence.unknown
        var wereHeld = false
        var wereAbsent = false

        /// Addresses that never moved may be misconfigured: they contradict nobody.
        var haveMoved: Bool { wereHeld && wereAbsent }
    }

    /// Makes a reconciler of a group; without `members` they are learnt from their lines.
    public init(group: String, members: [String] = [], followsFirstMember: Bool = false, at now: Instant) {
        self.group = group
        self.followsFirstMember = followsFirstMember
        membership = members.isEmpty ? .learnt([]) : .configured(Set(members))
        truth = RoleTruth(role: .backup, source: .none, since: now)
    }

    /// The earliest instant at which `advance(to:)` has something to do, or `never`.
    public var nextDeadline: Instant {
        guard let contradictionBegan, disagreement == nil else { return doubtDue }
        return min(doubtDue, contradictionBegan + Self.disagreementLimit)
    }
}

// MARK: - Words

extension RoleReconciler {
    /// Hears a manager.
    ///
    /// - Parameters:
    ///   - notification: what it said.
    ///   - source: the channel it came by.
    ///   - said: when it was said, where the channel knows; of two lines about one object the later said one counts.
    ///   - now: when it was heard.
    public mutating func hear(
        _ notification: RoleNotification, from source: RoleSource, said: Instant? = nil, at now: Instant
    ) -> RoleHearing {
        if let refusal = refusal(of: notification) { return .refused(refusal) }
        switch notification.state {
        case .heardLowerPriority: return .hintsAtTwoMasters
        case .masterPriority, .backupPriority: return .noted
        case .deleted: return forget(notification, at: now)
        case .master, .backup, .fault, .stop: break
        }
        guard let role = notification.state.role else { return .noted }
        linesHeard += 1
        let line = Line(role: role, source: source, said: said ?? now, place: linesHeard)
        let last = notification.kind == .group ? groupLine : memberLines[notification.name]
        if let last, line.said < last.said { return .outdated }
        manual = nil
        switch notification.kind {
        case .group: hearGroup(line)
        case .instance: hearMember(notification.name, line, at: now)
        }
        reconcile(at: now)
        return last?.role == role ? .repeated : .accepted
    }

    /// Follows the operator until a manager speaks or `chooseAutomatically`.
    public mutating func choose(_ role: Role, at now: Instant) {
        manual = role
        endContradiction()
        reconcile(at: now)
    }

    /// Follows the manager again, and the addresses.
    public mutating func chooseAutomatically(at now: Instant) {
        manual = nil
        endContradiction()
        reconcile(at: now)
    }

    /// Names the members of the group, as the manager's configuration does; an empty list means that they are learnt.
    public mutating func setMembers(_ members: [String], at now: Instant) {
        membership = members.isEmpty ? .learnt([]) : .configured(Set(members))
        memberLines = memberLines.filter { members.contains($0.key) }
        doubtDue = .never
        isDoubtful = false
        reconcile(at: now)
    }

    private func refusal(of notification: RoleNotification) -> RoleRefusal? {
        switch (notification.kind, membership) {
        case (.group, _): notification.name == group ? nil : .unknownGroup
        case (.instance, .configured(let members)):
            members.contains(notification.name) ? nil : .unknownInstance
        case (.instance, .learnt):
            memberLines[notification.name] != nil || memberLines.count < Self.learntLimit ? nil : .unknownInstance
        }
    }

    private mutating func hearGroup(_ line: Line) {
        groupLine = line
        doubtDue = .never
        isDoubtful = false
        // keepalived writes its line within milliseconds of moving the addresses: they get their time anew.
        endContradiction()
        guard case .learnt(var members) = membership else { return }
        for (name, member) in memberLines where member.role == line.role {
            if line.said.since(member.said) <= Self.doubtSpan { members.insert(name) }
        }
        membership = .learnt(members)
    }

    private mutating func hearMember(_ name: String, _ line: Line, at now: Instant) {
        memberLines[name] = line
        if membersDiffer {
            if doubtDue == .never, !isDoubtful { doubtDue = now + Self.doubtSpan }
        } else {
            doubtDue = .never
            isDoubtful = false
        }
    }

    private mutating func forget(_ notification: RoleNotification, at now: Instant) -> RoleHearing {
        guard notification.kind == .instance else { return .noted }
        let isLast: Bool
        memberLines[notification.name] = nil
        switch membership {
        case .configured(var members):
            members.remove(notification.name)
            isLast = members.isEmpty
            // An empty configured group stays one: learning would let strangers in.
            membership = .configured(members)
        case .learnt(var members):
            isLast = members.remove(notification.name) != nil && members.isEmpty
            membership = .learnt(members)
        }
        if isLast { groupLine = groupLine.map { Line(role: .backup, source: $0.source, said: now, place: linesHeard) } }
        if !membersDiffer {
            doubtDue = .never
            isDoubtful = false
        }
        reconcile(at: now)
        return isLast ? .groupVanished : .accepted
    }
}

// MARK: - Addresses

extension RoleReconciler {
    /// Sees which virtual addresses this node holds.
    public mutating func see(_ presence: AddressPresence, at now: Instant) {
        addresses.presence = presence
        if presence == .all { addresses.wereHeld = true }
        if presence == .none { addresses.wereAbsent = true }
        reconcile(at: now)
    }

    /// Does what has become due: a doubt that lasted, a contradiction that lasted.
    public mutating func advance(to now: Instant) {
        if doubtDue <= now {
            doubtDue = .never
            isDoubtful = true
        }
        reconcile(at: now)
    }
}

// MARK: - Truth

extension RoleReconciler {
    private var members: Set<String> {
        switch membership {
        case .configured(let members), .learnt(let members): members
        }
    }

    /// Whether a member has said something else than its group since the group spoke.
    private var membersDiffer: Bool {
        members.contains { name in
            guard let line = memberLines[name] else { return false }
            guard let groupLine else { return true }
            return line.role != groupLine.role && line.isAfter(groupLine)
        }
    }

    /// The role by the members alone, `nil` unless the configuration names them and each has spoken.
    private var memberView: Line? {
        guard case .configured(let members) = membership, !members.isEmpty else { return nil }
        var view: Line?
        for name in members {
            guard let line = memberLines[name] else { return nil }
            guard var worst = view else {
                view = line
                continue
            }
            if line.role.standing < worst.role.standing { worst.role = line.role }
            if line.said > worst.said {
                worst.said = line.said
                worst.source = line.source
            }
            view = worst
        }
        return view
    }

    private mutating func reconcile(at now: Instant) {
        guard let spoken = spokenView else {
            endContradiction()
            if let held = addresses.presence.role {
                become(held, by: .address, at: now)
            } else if truth.source != .address {
                become(.backup, by: .none, at: now)
            }
            return
        }
        guard let held = addresses.presence.role else {
            // Addresses on their way decide nothing, and undo nothing that they decided.
            if manual == nil, truth.source == .address, disagreement != nil { return }
            endContradiction()
            become(spoken.role, by: spoken.source, at: now)
            return
        }
        // A node in fault holds no address, as a backup holds none.
        guard (spoken.role == .master) != (held == .master) else {
            endContradiction()
            become(spoken.role, by: spoken.source, at: now)
            return
        }
        contradict(spoken, at: now)
        if manual == nil, addresses.haveMoved, isDoubtful || disagreement != nil {
            become(held, by: .address, at: now)
        } else {
            become(spoken.role, by: spoken.source, at: now)
        }
    }

    /// What the operator said, else the manager.
    private var spokenView: (role: Role, source: RoleSource)? {
        if let manual { return (manual, .manual) }
        if let member = forerunner { return (member.role, member.source) }
        let line = isDoubtful ? memberView ?? groupLine : groupLine
        return line.map { ($0.role, $0.source) }
    }

    /// A member that is master while its group's line is still to come.
    private var forerunner: Line? {
        guard followsFirstMember, doubtDue != .never, let groupLine, groupLine.role == .backup else { return nil }
        let lines = members.compactMap { memberLines[$0] }.filter { $0.isAfter(groupLine) }
        guard !lines.contains(where: { $0.role == .fault }) else { return nil }
        return lines.first { $0.role == .master }
    }

    private mutating func contradict(_ spoken: (role: Role, source: RoleSource), at now: Instant) {
        let began = contradictionBegan ?? now
        contradictionBegan = began
        guard began + Self.disagreementLimit <= now else { return }
        disagreement = RoleDisagreement(
            spoken: spoken.role, source: spoken.source, addresses: addresses.presence, since: began)
    }

    private mutating func endContradiction() {
        contradictionBegan = nil
        disagreement = nil
    }

    private mutating func become(_ role: Role, by source: RoleSource, at now: Instant) {
        if truth.role != role { truth.since = now }
        truth.role = role
        truth.source = source
    }
}

extension Role {
    /// Orders roles by what a group can be with such a member: one in fault brings it down.
    fileprivate var standing: Int {
        switch self {
        case .fault: 0
        case .backup: 1
        case .master: 2
        }
    }
}
