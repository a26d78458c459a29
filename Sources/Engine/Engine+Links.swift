internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// Where a datagram goes.
enum Destination {
    /// To one peer, over the link in use or another one.
    case peer(Int, over: UInt8)
    /// To everyone on a link, known or not.
    case everyone(over: UInt8)
    /// To those who ride along with the shared walk: everyone on a link, in a version that all of them read.
    case riders(over: UInt8)
}

/// How datagrams find their way: headers, greetings, probes, and which link carries the traffic.
extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Greetings go to everyone on a link this often.
    static var greetingInterval: Instant.Span { .seconds(5) }
    /// A link is left when what was sent over it stays unacknowledged for so long: three busy heartbeats.
    static var stuckPatience: Instant.Span {
        .init(nanoseconds: busyHeartbeatInterval.nanoseconds * LinkChoice.missedLimit)
    }

    /// The link in use to a peer.
    func usedLink(to place: Int) -> Destination { .peer(place, over: peers[place].links.used) }

    /// Begins the next datagram.
    mutating func begin(_ destination: Destination) {
        sequence += 1
        let role: DatagramHeader.Role =
            switch roles.state {
            case .starting: .starting
            case .backup: .backup
            case .takingOver: .takingOver
            case .master: .master
            case .fault: .fault
            }
        writer.begin(
            DatagramHeader(
                sender: settings.sender, incarnation: settings.incarnation, term: roles.terms.own, sequence: sequence,
                role: role, inSync: tracks ? announcesInSync : isFollowingMaster, version: version(for: destination)))
    }

    /// Puts the finished datagram where this turn's end sends it; what does not fit is lost, as on the wire.
    mutating func post(to destination: Destination) {
        guard !outgoing.isFull else { return }
        switch destination {
        case .peer(let place, let number):
            let source = peers[place].links.links[Int(number)].source
            peers[place].links.sent(over: number)
            writer.withBytes { outgoing.append($0, source: source, link: number) }
        case .everyone(let number), .riders(let number):
            for place in peers.indices { peers[place].links.sent(over: number) }
            writer.withBytes { outgoing.append($0, source: 0, link: number) }
        }
    }

    /// The version to write in: the highest that all who are to read it speak; the lowest of ours for those unknown.
    private func version(for destination: Destination) -> UInt8 {
        switch destination {
        case .peer(let place, _): commonVersion(with: place)
        case .riders: shared.riders.map { commonVersion(with: $0) }.min() ?? settings.wireVersions.lowerBound
        case .everyone: settings.wireVersions.lowerBound
        }
    }

    private func commonVersion(with place: Int) -> UInt8 {
        let own = settings.wireVersions
        let highest = peers[place].highestVersion
        return highest == 0 ? own.lowerBound : min(max(highest, own.lowerBound), own.upperBound)
    }

    /// Whether this standby holds what a synced master sent.
    private var isFollowingMaster: Bool {
        guard let place = leaderPlace else { return false }
        return peers[place].receiving.isFollowing && peers[place].isSyncedMaster
    }

    // MARK: Greetings and probes

    /// Says who this node is to everyone on each link that is due: often where a peer is not heard yet.
    mutating func greet(at now: Instant) {
        for number in greetings.indices {
            guard min(helloDue, greetings[number]) <= now else { continue }
            let number = UInt8(number)
            begin(.everyone(over: number))
            let versions = settings.wireVersions
            _ = writer.append(
                .hello(
                    Hello(
                        name: settings.nodeName, lowestVersion: versions.lowerBound,
                        highestVersion: versions.upperBound, digestKey: settings.digestKey)))
            // Last: on a narrow link it is what may stay behind.
            if let facts { _ = writer.append(.facts(facts)) }
            post(to: .everyone(over: number))
            let isAlone = peers.isEmpty || peers.contains { !$0.isSilent && !$0.links.isHeard(number, at: now) }
            greetings[Int(number)] = now + (isAlone ? Self.heartbeatInterval : Self.greetingInterval)
        }
        helloDue = .never
    }

    /// Probes the links that do not carry a peer's traffic; the one that does is probed by the heartbeat itself.
    mutating func probeOtherLinks(of place: Int, at now: Instant) {
        for number in UInt8(0)..<UInt8(greetings.count) where number != peers[place].links.used {
            guard peers[place].links.links[Int(number)].source != 0 else { continue }
            let destination = Destination.peer(place, over: number)
            begin(destination)
            appendProbe(to: place, over: number, at: now)
            post(to: destination)
        }
    }

    mutating func appendProbe(to place: Int, over number: UInt8, at now: Instant) {
        let sent = peers[place].links.links[Int(number)].sent + 1
        _ = writer.append(
            .probe(Probe(sent: sent, heard: peers[place].links.heardBits(at: now), orphanedTerm: orphanedTerm)))
    }

    mutating func takeProbe(_ told: Probe, from place: Int, over number: UInt8, at now: Instant) {
        peers[place].links.probed(over: number, sent: told.sent, heardBits: told.heard)
        if told.orphanedTerm > 0 { perform(roles.peerRemembers(told.orphanedTerm, at: now), at: now) }
    }

    // MARK: The link in use

    /// Moves the traffic of each peer to the link that carries it best.
    mutating func chooseLinks(at now: Instant) {
        guard greetings.count > 1 else { return }
        for place in peers.indices {
            if peers[place].sending.isAcknowledged { peers[place].progressAt = now }
            let isStuck = peers[place].isStuck(at: now, patience: Self.stuckPatience)
            guard peers[place].links.choose(isStuck: isStuck, at: now) else { continue }
            peers[place].progressAt = now
            peers[place].heartbeatDue = now
            counters.count(.linkMoves)
            notices.append(.linkMoved(peer: peers[place].name, link: Int(peers[place].links.used)))
        }
    }
}
