internal import Conntrack

/// A kind of flow that must survive as it was, and how it comes into being.
struct FidelityRow: Sendable {
    /// Which addresses the routers translate.
    enum Translation: String, Sendable {
        case none
        case source
        case destination
        case both
    }

    /// What must come of it.
    enum Verdict: Equatable, Sendable {
        /// Both kernels hold the same.
        case equal
        /// The peer's kernel holds it and cannot go on with it.
        case cannotContinue(String)
        /// As `equal`, but for the client's window scale, and so liberal about windows.
        case liberal
        /// Not tried here.
        case skipped(String)

        var words: String {
            switch self {
            case .equal: "equal"
            case .liberal: "kept, liberal about windows: strict ones need the scales of both sides"
            case .cannotContinue(let reason): "kept, cannot continue on this kernel: \(reason)"
            case .skipped(let reason): "skipped: \(reason)"
            }
        }
    }

    /// One thing that happens on the way.
    enum Step: Sendable {
        /// The client sends along the flow's original tuple.
        case client(Packet.Body)
        /// The server sends along the reply tuple that the first router's kernel holds by now.
        case server(Packet.Body)
        /// The server begins the flow that the row's helper expects.
        case expected(Packet.Body)
        /// The expected flow goes on, along its reply tuple.
        case expectedReply(Packet.Body)
        /// `conntrack` puts it into the first router's table; the words follow the addresses.
        case insert([String])
        /// A connection of real sockets, from the lan host to the wan host.
        case connect
        /// Nothing, until the other rows have caught up.
        case wait
    }

    var name: String
    var `protocol`: ProtocolNumber
    var family = AddressFamily.ipv4
    var translation = Translation.none
    /// What it has beside tuples, state and NAT.
    var carries = ""
    /// Statements of the routers' ruleset for packets from and to the client, before connection tracking.
    var rawRule = ""
    /// Statements for packets from the client on their way through.
    var forwardRule = ""
    var steps: [Step]
    /// What happens more than two seconds after the first packet, when the kernel takes a talk for a stream.
    var lateSteps: [Step] = []
    /// The server's port, or the ICMP type and code.
    var serverKey: UInt16 = 80
    var verdict = Verdict.equal
    /// How many flows and expectations the first kernel must hold for it.
    var entries = (flows: 1, expectations: 0)

    /// The steps where they depend on the row's addresses.
    var dialogue: (@Sendable (FidelityRow) -> [Step])?
    /// The steps that make it.
    var allSteps: [Step] { dialogue.map { $0(self) } ?? steps }

    /// Its place in the table, from which its addresses come.
    var number = 0
    /// Set where real sockets talk: the hosts' own addresses.
    var hosts: (client: String, server: String)?

    /// The client's address, which is no other row's.
    var client: String {
        if let hosts { return hosts.client }
        let isTranslated = translation == .source || translation == .both
        switch family {
        case .ipv4: return "192.168.\(isTranslated ? 21 : 20).\(number + 10)"
        case .ipv6: return "fd00:\(isTranslated ? 21 : 20)::\(number + 10)"
        }
    }

    /// The address that the client talks to.
    var target: String {
        if let hosts { return hosts.server }
        let isTranslated = translation == .destination || translation == .both
        switch family {
        case .ipv4: return isTranslated ? "192.0.2.\(number + 10)" : "198.51.100.\(number + 10)"
        case .ipv6: return isTranslated ? "2001:db8:2::\(number + 10)" : "2001:db8:51::\(number + 10)"
        }
    }

    /// The zone that the client's packets are looked up in.
    var zone: UInt16 = 0

    /// The original tuple.
    var original: Tuple? {
        guard let source = Address.parse(client)?.address, let destination = Address.parse(target)?.address else {
            return nil
        }
        let isEcho = self.protocol.isICMP
        let hasKeys = self.protocol.hasPorts || isEcho
        let key: UInt16 = isEcho ? 0x1000 + UInt16(number) : 30_000 + UInt16(number)
        var tuple = Tuple(
            source: source, destination: destination, sourceKey: hasKeys ? key : 0,
            destinationKey: hasKeys ? serverKey : 0, family: family, protocol: self.protocol)
        tuple.zone = zone
        return tuple
    }
}
