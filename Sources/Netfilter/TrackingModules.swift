public import Conntrack
internal import LinuxIO

/// Which of the kernel's own helpers are there; those that userspace adds are not listed anywhere readable.
public struct TrackingModules: Sendable, Equatable {
    /// In the kernel now, sorted.
    public var loaded: [KernelName]
    /// On the disk, where the kernel finds them when a flow needs them, sorted; empty where /lib/modules is hidden.
    public var loadable: [KernelName]

    /// Modules behind `nf_conntrack_`, and the helpers that they register (net/netfilter/nf_conntrack_*.c).
    private static let modules: [(module: String, helpers: [String])] = [
        ("amanda", ["amanda"]), ("ftp", ["ftp"]), ("h323", ["H.245", "Q.931", "RAS"]), ("irc", ["irc"]),
        ("netbios_ns", ["netbios-ns"]), ("pptp", ["pptp"]), ("sane", ["sane"]), ("sip", ["sip"]), ("snmp", ["snmp"]),
        ("tftp", ["tftp"]),
    ]

    /// The module that has a helper, for `modprobe`; nil if it is none of the kernel's own.
    public static func module(of helper: KernelName) -> String? {
        modules.first { $0.helpers.contains(helper.text) }.map { "nf_conntrack_" + $0.module }
    }

    /// Looks where modules show: /sys/module, which lists what is built in only if it has parameters, and the disk.
    public static func read() -> TrackingModules {
        let present = Set(names(matching: "/sys/module/nf_conntrack_*"))
        let release = (try? SmallFile.readText("/proc/sys/kernel/osrelease", limit: 256)) ?? ""
        let stored = Set(
            release.isEmpty ? [] : names(matching: "/lib/modules/\(release)/kernel/net/netfilter/nf_conntrack_*.ko*"))
        return TrackingModules(
            loaded: helpers { present.contains($0) }, loadable: helpers { stored.contains($0) && !present.contains($0) }
        )
    }

    private static func names(matching pattern: String) -> [String] {
        FilePath.matching(pattern).compactMap { path in
            let name = path.split(separator: "/").last.map { $0.prefix { $0 != "." } }
            return name.map { String($0.dropFirst("nf_conntrack_".count)) }
        }
    }

    private static func helpers(where isThere: (String) -> Bool) -> [KernelName] {
        modules.filter { isThere($0.module) }.flatMap(\.helpers).sorted().compactMap { KernelName($0) }
    }
}
