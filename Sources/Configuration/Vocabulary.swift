/// The words of one kind of block, with the form in which each is written.
protocol Vocabulary: CaseIterable, RawRepresentable, Sendable where RawValue == String {
    /// What surrounds these words, for messages: "at the top" or "in `interface`".
    static var place: String { get }
    /// What stands behind the word: `PORT`, `{ … }`, or nothing.
    var form: String { get }
}

extension Vocabulary {
    /// The word as somebody should write it.
    var usage: String { form.isEmpty ? rawValue : "\(rawValue) \(form)" }
}

/// Words at the top of the file; the first seventeen are VyOS's `service conntrack-sync` tree.
enum RootWord: String, Vocabulary {
    case acceptProtocol = "accept-protocol"
    case disableExternalCache = "disable-external-cache"
    case disableSyslog = "disable-syslog"
    case eventListenQueueSize = "event-listen-queue-size"
    case expectSync = "expect-sync"
    case failoverMechanism = "failover-mechanism"
    case vrrp
    case cluster
    case ignoreAddress = "ignore-address"
    case interface
    case listenAddress = "listen-address"
    case mcastGroup = "mcast-group"
    case purgeTimeout = "purge-timeout"
    case startupResync = "startup-resync"
    case syncQueueSize = "sync-queue-size"
    case service
    case conntrackSync = "conntrack-sync"

    case nodeName = "node-name"
    case standby
    case hold
    case holdLimit = "hold-limit"
    case orphanTimeout = "orphan-timeout"
    case commitTolerance = "commit-tolerance"
    case keyFile = "key-file"
    case sealing
    case controlSocket = "control-socket"
    case controlGroup = "control-group"
    case stateDirectory = "state-directory"
    case virtualAddress = "virtual-address"
    case leaveOut = "leave-out"
    case keepalived
    case group
    case metrics
    /// Resolved before anything is understood; here for spelling.
    case include

    static var place: String { "at the top" }

    var form: String {
        switch self {
        case .acceptProtocol: "tcp,udp,icmp"
        case .disableExternalCache, .disableSyslog: ""
        case .eventListenQueueSize, .syncQueueSize: "8MiB"
        case .expectSync: "all|none|ftp,sip,tftp"
        case .leaveOut: "labels,helper"
        case .failoverMechanism: "{ vrrp { sync-group NAME } }"
        case .vrrp: "{ sync-group NAME }"
        case .cluster: "{ group NAME }"
        case .ignoreAddress: "ADDRESS[/LENGTH]"
        case .interface: "NAME { … }"
        case .listenAddress, .mcastGroup, .virtualAddress: "ADDRESS"
        case .purgeTimeout: "60s"
        case .startupResync, .hold: "on|off"
        case .service: "{ conntrack-sync { … } }"
        case .conntrackSync, .keepalived, .metrics: "{ … }"
        case .nodeName, .controlGroup: "NAME"
        case .standby: "hot|cold"
        case .holdLimit: "2s"
        case .orphanTimeout: "10m"
        case .commitTolerance: "1%"
        case .keyFile, .controlSocket, .stateDirectory, .include: "PATH"
        case .sealing: "off|accept|require"
        case .group: "NAME { … }"
        }
    }
}

/// Words in `interface NAME { }`.
enum InterfaceWord: String, Vocabulary {
    case peer
    case port
    case listenAddress = "listen-address"

    static var place: String { "in `interface`" }
    var form: String { self == .port ? "3780" : "ADDRESS" }
}

/// Words in `failover-mechanism { }`.
enum FailoverWord: String, Vocabulary {
    case vrrp
    case cluster

    static var place: String { "in `failover-mechanism`" }
    var form: String { self == .vrrp ? "{ sync-group NAME }" : "{ group NAME }" }
}

/// Words in `vrrp { }`.
enum VRRPWord: String, Vocabulary {
    case syncGroup = "sync-group"

    static var place: String { "in `vrrp`" }
    var form: String { "NAME" }
}

/// Words in `cluster { }`.
enum ClusterWord: String, Vocabulary {
    case group

    static var place: String { "in `cluster`" }
    var form: String { "NAME" }
}

/// Words in `keepalived { }`.
enum KeepalivedWord: String, Vocabulary {
    case config
    case notifyFIFO = "notify-fifo"
    case trackFile = "track-file"
    case commitOn = "commit-on"

    static var place: String { "in `keepalived`" }
    var form: String { self == .commitOn ? "group|first-member" : "PATH" }
}

/// Words in `group NAME { }`.
enum GroupWord: String, Vocabulary {
    case virtualAddress = "virtual-address"
    case prefix
    case zone
    case mark
    case interface

    static var place: String { "in `group`" }

    var form: String {
        switch self {
        case .virtualAddress: "ADDRESS"
        case .prefix: "ADDRESS/LENGTH"
        case .zone: "NUMBER"
        case .mark: "VALUE/MASK"
        case .interface: "NAME"
        }
    }
}

/// Words in `metrics { }`.
enum MetricsWord: String, Vocabulary {
    case listen

    static var place: String { "in `metrics`" }
    var form: String { "ADDRESS:PORT" }
}

extension Vocabulary {
    /// Other places where a word is known.
    static func places(of word: String) -> [String] {
        func find<Words: Vocabulary>(_ words: Words.Type) -> [String] {
            Words(rawValue: word) == nil ? [] : [Words.place]
        }
        return find(RootWord.self) + find(InterfaceWord.self) + find(FailoverWord.self) + find(VRRPWord.self)
            + find(ClusterWord.self) + find(KeepalivedWord.self) + find(GroupWord.self) + find(MetricsWord.self)
    }
}
