internal import ControlProtocol
internal import Engine
internal import StateMachine
internal import SyncTransport

/// What the data thread says of itself at one moment.
struct AgentReport: Sendable {
    /// One link to the peers.
    struct Link: Sendable {
        var interface: String
        /// Whether it is a multicast group's.
        var isShared = false
        /// The peers that are configured; nil where the audience is a multicast group.
        var peers: Int?
        var isThere = true
        var hasCarrier = true
        /// Why it is away, as a sentence's end.
        var obstacle: String?
        /// Bytes by which its datagrams must be shorter than those that the agent makes.
        var lacks = 0
        var traffic = DatagramLink.Traffic()

        /// Whether datagrams can pass as far as this node sees.
        var isUsable: Bool { isThere && hasCarrier }

        /// What is wrong with it, as a sentence's end; nil if nothing is.
        var trouble: String? {
            if let obstacle { return obstacle }
            if !isUsable { return "\(interface) has no carrier" }
            guard lacks > 0 else { return nil }
            return "datagrams of this agent may be \(lacks) bytes longer than \(interface) carries: long ones are lost"
        }
    }

    var at: Instant
    var engine: EngineReport
    /// Addresses of the engine's peers, in their order; nil where the source is forgotten.
    var peerAddresses: [String?]
    /// The links in the order of their numbers.
    var links: [Link]
    /// How far the links' sealing has come.
    var sealing: SealingStage
    /// Counters of the edges, by name.
    var edgeCounters: [(name: String, value: UInt64)]

    /// The numbers of the links in use: each peer has one; until one is heard, it is the first that could be.
    var activeLinks: Set<Int> {
        let used = Set(engine.peers.filter { !$0.isSilent && links.indices.contains($0.link) }.map(\.link))
        guard used.isEmpty else { return used }
        return Set([links.firstIndex(where: \.isUsable) ?? links.firstIndex(where: \.isThere)].compactMap { $0 })
    }

    /// The links that are of use here and do not carry between this node and a peer that is there, each with why.
    func silentLinks(of peer: EngineReport.Peer) -> [(link: Link, what: String)] {
        guard links.count > 1, !peer.isSilent else { return [] }
        return zip(links, peer.links).enumerated().compactMap { number, pair in
            let (link, heard) = pair
            guard link.isUsable, !heard.isUsable, let what = what(heard, link, peer) else { return nil }
            guard number != peer.link, links.indices.contains(peer.link) else { return (link, what) }
            return (link, "\(what), while its traffic goes over \(links[peer.link].interface)")
        }
    }

    private func what(_ heard: EngineReport.Link, _ link: Link, _ peer: EngineReport.Peer) -> String? {
        guard let last = heard.lastHeard else {
            // Where the configuration names fewer peers than there are, this one may not be among them.
            if let peers = link.peers, peers < engine.peers.count { return nil }
            return "\(peer.name) has not been heard over \(link.interface)"
        }
        if heard.isHeardThere == false { return "\(peer.name) does not hear this node over \(link.interface)" }
        return "\(peer.name) is silent over \(link.interface) for \(at.since(last).milliseconds / 1000) s"
    }

    /// What all links carried together.
    var traffic: DatagramLink.Traffic { links.reduce(DatagramLink.Traffic()) { $0.adding($1.traffic) } }
}

extension LinkError {
    /// What is wrong with the link, and what to do, as a sentence's end.
    func text(interface: String) -> String {
        switch self {
        case .unusable(let fault):
            "the settings of \(interface) cannot work (\(fault)): check `interface` and `listen-address`"
        case .interfaceMissing: "interface \(interface) does not exist: waiting for it"
        case .interfaceDown: "interface \(interface) is down: waiting for `ip link set \(interface) up`"
        case .addressNotAssigned: "listen-address is not assigned to \(interface): waiting for it"
        case .portInUse: "the port of \(interface) is in use by another process: waiting for it"
        case .notPermitted(let error): "\(interface) may not be opened (\(error)): the agent needs CAP_NET_ADMIN"
        case .system(let error): "\(interface) cannot be opened (\(error)): trying again"
        }
    }
}
