/// What a failover manager wants this node to be.
public enum Role: String, CaseIterable, Sendable {
    /// This node holds the virtual addresses and the traffic.
    case master
    /// This node stands by.
    case backup
    /// This node cannot serve: the manager will not elect it.
    case fault
}

/// Where a role came from, in the words of `status`.
public enum RoleSource: String, CaseIterable, Sendable {
    /// A line of keepalived's notification FIFO.
    case fifo
    /// A notify script of keepalived, through `ctsync-ha notify`.
    case notify
    /// The virtual addresses that this node holds, or does not hold.
    case address
    /// keepalived's JSON dump.
    case json
    /// A resource agent of Pacemaker.
    case pacemaker
    /// The operator, through `ctsync-ha role`.
    case manual
    /// Nobody has spoken yet: the role is backup.
    case none
}
