public import Conntrack

/// What a command asks of the agent.
public enum ControlRequest: Hashable, Sendable {
    case status
    case statistics
    /// List a cache.
    case cache(CacheName, CacheContent)
    /// List the kernel's table; nil: both families.
    case table(AddressFamily?)
    /// What keepalived told its script; answered before anything is done about it.
    case notify(RoleNotification)
    /// Take a role by hand, or give the decision back; answered when it is done.
    case role(RoleOrder, group: String?)
    case commit
    case flush(FlushTarget)
    case resync(ResyncSource)
    case bulk
    case purge
    /// Empty a cache and fill it again from where it comes.
    case reset(CacheName)
    /// Whether a failover now would be safe.
    case preflight
    /// Roll keys over, or look at them.
    case key(KeyOrder)
}

/// One of the two caches.
public enum CacheName: String, Hashable, Sendable, CaseIterable {
    case `internal`
    case external
}

/// What of a cache is listed.
public enum CacheContent: String, Hashable, Sendable, CaseIterable {
    /// Flows.
    case main
    /// Expectations.
    case expect
}

/// A role as somebody orders it.
public enum RoleOrder: String, Hashable, Sendable, CaseIterable {
    case master
    case backup
    case fault
    /// Whatever the manager says.
    case auto
}

/// What is emptied.
public enum FlushTarget: String, Hashable, Sendable, CaseIterable {
    case `internal`
    case external
    case kernel
}

/// Where the internal cache is filled from.
public enum ResyncSource: String, Hashable, Sendable, CaseIterable {
    case kernel
    case peer
}
