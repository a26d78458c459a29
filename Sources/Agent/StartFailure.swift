internal import LinuxIO
internal import Netfilter
internal import SyncTransport

/// Why an agent does not start; each says what was wrong and what to do.
enum StartFailure: Error, Sendable, Equatable {
    case configuration([String])
    case notPermitted
    case noCtnetlink
    case netlink(String)
    case link(String)
    case socketInUse(String)
    case socket(String, String)
    case state(String, String)
    case key(String)
    case system(String)

    /// Sorts what a conntrack socket said.
    init(_ error: ConntrackError) {
        switch error {
        case .notPermitted: self = .notPermitted
        case .unavailable: self = .noCtnetlink
        case .socket(let reason): self = .netlink("\(reason)")
        }
    }

    /// The sentences for the operator, each for an entry of its own.
    var texts: [String] {
        if case .configuration(let problems) = self { problems } else { [text] }
    }

    /// The sentence for the operator.
    var text: String {
        switch self {
        case .configuration(let problems):
            problems.joined(separator: "\n")
        case .notPermitted:
            "no permission to read or write conntrack: run as root, or give CAP_NET_ADMIN"
        case .noCtnetlink:
            "this kernel has no ctnetlink: load nf_conntrack_netlink (`modprobe nf_conntrack_netlink`)"
        case .netlink(let reason):
            "the kernel's conntrack socket failed (\(reason)): see the kernel log"
        case .link(let reason):
            reason
        case .socketInUse(let path):
            "another agent is running: it answers on \(path); stop it, or set control-socket"
        case .socket(let path, let reason):
            "the control socket \(path) cannot be made: \(reason)"
        case .state(let path, let reason):
            "the state directory \(path) cannot be used: \(reason); set state-directory"
        case .key(let reason):
            reason
        case .system(let reason):
            "the system refused: \(reason)"
        }
    }
}
