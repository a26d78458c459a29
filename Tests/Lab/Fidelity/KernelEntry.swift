internal import Conntrack

/// A flow or an expectation of a kernel's table, as libnetfilter_conntrack reads it: the product's own parser is not
/// its own judge.
struct KernelEntry {
    /// What the entry is.
    enum Kind: String {
        case flow
        case expectation
    }

    var kind: Kind
    var original: Tuple
    /// An expectation has none; it is then its tuple inverted.
    var reply: Tuple
    /// The original tuple of the flow whose helper expected it.
    var master: Tuple?
    /// Seconds until the kernel drops it.
    var timeout: UInt32
    var status: FlowStatus = []
    /// The TCP or SCTP state, where the protocol has one.
    var state: UInt8?
    /// Everything that is compared literally, by name and in the order of printing; what is absent is not there.
    var values: [Value] = []

    /// An attribute and its text.
    struct Value: Equatable {
        var name: Name
        var text: String
    }

    /// What is compared, flows first.
    enum Name: String, CaseIterable {
        case reply
        case zone
        case status
        case timeout
        case mark
        case master
        case state
        case scales
        case flags
        case tags
        case helper
        case labels
        case sequence
        case synproxy
        case mask
        case translation
        case policy
        case function
    }

    /// The text of an attribute.
    subscript(name: Name) -> String? { values.first { $0.name == name }?.text }

    /// Whether another node's table means the same entry by it.
    func isSame(as other: KernelEntry) -> Bool { kind == other.kind && original == other.original }

    /// Whether it came into being for a client: its own flow, or what a helper expects or expected of that flow.
    func belongs(to client: Address) -> Bool { original.source == client || master?.source == client }
}
