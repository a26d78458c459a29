/// What a failover manager said about one object: a line of keepalived's, in its own words.
///
/// The grammar is keepalived.conf(5)'s: `INSTANCE|GROUP "name" STATE priority`; notify scripts get the same four words
/// as arguments. The priority changes no role and is not kept.
public struct RoleNotification: Hashable, Sendable {
    /// What a line is about.
    public enum Kind: String, Sendable {
        /// One VRRP instance.
        case instance = "INSTANCE"
        /// A sync group.
        case group = "GROUP"
    }

    /// What a line says of it.
    public enum State: String, CaseIterable, Sendable {
        /// Holds its virtual addresses.
        case master = "MASTER"
        /// Stands by.
        case backup = "BACKUP"
        /// Cannot serve.
        case fault = "FAULT"
        /// keepalived stops on purpose.
        case stop = "STOP"
        /// An instance that a reload removed.
        case deleted = "DELETED"
        /// A master heard an advertisement of a lower priority: a hint of two masters, not a role.
        case heardLowerPriority = "MASTER_RX_LOWER_PRI"
        /// A master's priority changed: not a role.
        case masterPriority = "MASTER_PRIORITY"
        /// A backup's priority changed: not a role.
        case backupPriority = "BACKUP_PRIORITY"

        /// The role that the state means, `nil` for those that mean none.
        ///
        /// keepalived that leaves holds no address any more and may come back: backup, not fault.
        public var role: Role? {
            switch self {
            case .master: .master
            case .backup, .stop: .backup
            case .fault: .fault
            case .deleted, .heardLowerPriority, .masterPriority, .backupPriority: nil
            }
        }
    }

    /// What the line is about.
    public var kind: Kind
    /// The name of the instance or group.
    public var name: String
    /// What it says.
    public var state: State

    /// Makes a notification.
    public init(_ kind: Kind, _ name: String, _ state: State) {
        self.kind = kind
        self.name = name
        self.state = state
    }

    /// Reads the words of a notification; upper and lower case are the same to it, as they are to scripts' authors.
    public init(kind: String, name: String, state: String) throws(RoleRefusal) {
        guard let kind = Kind(rawValue: kind.uppercased()) else { throw .unknownKind }
        guard let state = State(rawValue: state.uppercased()) else { throw .unknownState }
        self.init(kind, name, state)
    }
}

/// Why a notification changes nothing.
public enum RoleRefusal: String, Error, Sendable {
    /// Neither INSTANCE nor GROUP.
    case unknownKind = "unknown type"
    /// A state that keepalived does not have.
    case unknownState = "unknown state"
    /// Another group than the one followed.
    case unknownGroup = "unknown group"
    /// An instance that is not a member of the group followed.
    case unknownInstance = "unknown instance"
}
