public import StateMachine

/// The reconciled role of a group: what the role state machine is to follow.
public struct RoleTruth: Equatable, Sendable {
    /// The role; backup as long as nobody has spoken.
    public var role: Role
    /// Who said so.
    public var source: RoleSource
    /// Since when the role has been this one.
    public var since: Instant
    /// Whether any source has said anything.
    public var isKnown: Bool { source != .none }
}

/// Which virtual addresses of a group this node holds.
public enum AddressPresence: String, Sendable {
    /// Each of them.
    case all
    /// Some: a change is under way, or somebody took one away by hand.
    case some
    /// None of them.
    case none
    /// Nobody looked, or the group has none.
    case unknown

    /// The role that the addresses mean, where they mean one.
    public var role: Role? {
        switch self {
        case .all: .master
        case .none: .backup
        case .some, .unknown: nil
        }
    }
}

/// Two views of one role that differ.
public struct RoleDisagreement: Equatable, Sendable {
    /// The role by the last words of the manager or the operator.
    public let spoken: Role
    /// Who spoke.
    public let source: RoleSource
    /// The addresses held meanwhile.
    public let addresses: AddressPresence
    /// Since when they differ.
    public let since: Instant
}

/// What became of a notification.
public enum RoleHearing: Equatable, Sendable {
    /// It says something new.
    case accepted
    /// It repeats what is known: a reason to check, not to change.
    case repeated
    /// A later word about the same object came first.
    case outdated
    /// It means no role.
    case noted
    /// Two masters may be about: another one advertises with a lower priority.
    case hintsAtTwoMasters
    /// A reload removed the last member of the group.
    case groupVanished
    /// It changes nothing, and why.
    case refused(RoleRefusal)
}
