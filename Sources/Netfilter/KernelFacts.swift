public import Conntrack

/// What this network namespace's kernel says about conntrack (sysctl net.netfilter.*).
///
/// Read in the namespace of the calling thread. What a kernel does not tell has its default, or is nil.
public struct KernelFacts: Sendable, Equatable {
    /// When flows make events (sysctl nf_conntrack_events).
    public typealias Events = NodeFacts.Events

    /// Flows in the table of this namespace.
    public var entries: Int?
    /// Flows at most, in all namespaces.
    public var limit: Int?
    /// Hash buckets, of all namespaces.
    public var buckets: Int?
    public var events: Events?
    /// Whether TCP flows are picked up in mid-stream (sysctl nf_conntrack_tcp_loose).
    public var isLoose: Bool?
    /// Whether TCP packets outside the window pass (sysctl nf_conntrack_tcp_be_liberal).
    public var isLiberal: Bool?
    /// Whether checksums are verified (sysctl nf_conntrack_checksum).
    public var verifiesChecksums: Bool?
    public var timeouts: ProtocolTimeouts

    /// Reads everything; some thirty small files, so not for every turn.
    public static func read() -> KernelFacts {
        KernelFacts(
            entries: entries(), limit: limit(), buckets: number("nf_conntrack_buckets"),
            events: number("nf_conntrack_events").flatMap { Events(rawValue: UInt8(clamping: $0)) },
            isLoose: flag("nf_conntrack_tcp_loose"), isLiberal: flag("nf_conntrack_tcp_be_liberal"),
            verifiesChecksums: flag("nf_conntrack_checksum"), timeouts: timeouts())
    }

    /// Flows in the table of this namespace now.
    public static func entries() -> Int? { number("nf_conntrack_count") }

    /// Flows at most, in all namespaces.
    public static func limit() -> Int? { number("nf_conntrack_max") }

    /// The full timeouts; the kernel's own defaults where a file is missing.
    public static func timeouts() -> ProtocolTimeouts {
        var timeouts = ProtocolTimeouts()
        for setting in TimeoutSetting.allCases {
            if let seconds = number("nf_conntrack_" + setting.sysctl) { timeouts[setting] = UInt32(clamping: seconds) }
        }
        return timeouts
    }

    private static func flag(_ name: String) -> Bool? { number(name).map { $0 != 0 } }

    private static func number(_ name: String) -> Int? {
        guard let bytes = ProcFile.read("/proc/sys/net/netfilter/\(name)") else { return nil }
        return Int(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber })
    }
}
