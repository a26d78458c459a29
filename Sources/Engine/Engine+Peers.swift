internal import Conntrack
internal import Failover
internal import Replication
internal import StateMachine
internal import SyncProtocol

/// Who the peers are, and which of them leads: the master whose flows this node holds as a standby.
extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// The place of the peer that leads; nil while none is known.
    var leaderPlace: Int? { leader.flatMap { sender in peers.firstIndex { $0.sender == sender } } }

    /// Whether a peer leads.
    func leads(_ place: Int) -> Bool { peers[place].sender == leader }

    /// Takes in who sent a datagram; the place of the peer whose messages are to be read, a new one if need be.
    mutating func meetPeer(
        _ header: DatagramHeader, from source: UInt64, over number: UInt8, at now: Instant
    ) -> Int? {
        guard header.sender != settings.sender else {
            counters.count(.datagramOwn)
            if header.incarnation != settings.incarnation, counters[.datagramOwn] == 1 { notices.append(.sameName) }
            return nil
        }
        guard let place = place(for: header, at: now) else { return nil }
        let arrival = peers[place].receiving.arrived(sequence: header.sequence)
        guard arrival != .jump else {
            counters.count(.datagramJump)
            return nil
        }
        let wasSilent = peers[place].isSilent
        peers[place].lastHeard = now
        peers[place].isSilent = false
        peers[place].hasLeft = false
        peers[place].links.heard(over: number, from: source, at: now)
        // A datagram that was overtaken speaks of a role that may be over.
        guard arrival == .newest else { return place }
        if wasSilent {
            hearRole(header, from: place, at: now)
            notices.append(.peerReturned(name: peers[place].name))
            recallIfUnsynced(at: now)
        }
        hear(header, from: place, at: now)
        followIfMaster(header, place, at: now)
        return place
    }

    /// The place of a datagram's sender; nil, and counted, if there is none for it.
    private mutating func place(for header: DatagramHeader, at now: Instant) -> Int? {
        guard let known = peers.firstIndex(where: { $0.sender == header.sender }) else {
            if peers.count < settings.peerLimit {
                makePeer(header, in: nil, at: now)
                return peers.count - 1
            }
            let silent = peers.indices.filter { peers[$0].isSilent }
            guard let gone = silent.min(by: { peers[$0].lastHeard < peers[$1].lastHeard }) else {
                counters.count(.datagramBeyondPeers)
                return nil
            }
            makePeer(header, in: gone, at: now)
            return gone
        }
        guard peers[known].incarnation != header.incarnation else { return known }
        guard header.incarnation > peers[known].incarnation || believesOlderRun(header, known) else {
            counters.count(.datagramOldIncarnation)
            return nil
        }
        makePeer(header, in: known, at: now)
        return known
    }

    /// Whether a node whose later run is silent speaks out of an earlier one.
    ///
    /// Its clock may have stepped back between two starts. One datagram may have been repeated by the network; several
    /// that count on are alive.
    private mutating func believesOlderRun(_ header: DatagramHeader, _ place: Int) -> Bool {
        guard peers[place].isSilent else { return false }
        let last = peers[place].olderRun
        let countsOn = header.incarnation == last.incarnation && header.sequence > last.sequence
        peers[place].olderRun = (header.incarnation, header.sequence, countsOn ? last.count + 1 : 1)
        return peers[place].olderRun.count >= ReceivingSession.jumpPatience
    }

    /// Makes the acquaintance of a node, or of a new run of it, at the end or in the place of another.
    private mutating func makePeer(_ header: DatagramHeader, in place: Int?, at now: Instant) {
        // Until its greeting comes it goes by its number.
        var name = "node-" + String(header.sender, radix: 16)
        var isNamed = false
        if let place {
            let (sender, itsName, wasNamed) = (peers[place].sender, peers[place].name, peers[place].isNamed)
            if sender == header.sender { (name, isNamed) = (itsName, wasNamed) }
            peers[place].sending.close(&log)
            closeOrigins(of: place)
            perform(roles.peerLost(UInt64(sender), at: now), at: now)
            if sender == leader { loseSync(at: now) }
            if sender == leader, sender != header.sender { leader = nil }
        }
        let (origin, expectationOrigin) = openOrigins(term: header.term)
        var links = LinkChoice(count: greetings.count, heartbeat: Self.heartbeatInterval)
        if let place, peers[place].sender == header.sender { links = peers[place].links }
        var peer = Peer(
            sender: header.sender, name: name, incarnation: header.incarnation, role: header.role, term: header.term,
            inSync: header.inSync, lastHeard: now, links: links,
            sending: SendingSession(log: &log, sequence: sequence, at: now),
            receiving: ReceivingSession(incarnation: header.incarnation, origin: origin, at: now),
            expectationOrigin: expectationOrigin, heartbeatDue: now, probeDue: now, progressAt: now)
        peer.isNamed = isNamed
        if !settings.startupResync { peer.receiving.delayRequest() }
        let index = place ?? peers.count
        if let place { peers[place] = peer } else { peers.append(peer) }
        hearRole(header, from: index, at: now)
        // What led led by another run: this one begins with a bulk.
        if leads(index) { external.followNobody() }
        helloDue = now
        if isNamed { notices.append(.peerAppeared(name: name, incarnation: header.incarnation)) }
        recallIfUnsynced(at: now)
    }

    private mutating func openOrigins(term: UInt64) -> (OriginID, OriginID) {
        admissions += 1
        let rank = OriginRank(term: term, admission: admissions)
        return (external.open(rank), externalExpectations.open(rank))
    }

    private mutating func raiseOrigins(of place: Int, to rank: OriginRank) {
        external.raise(peers[place].receiving.origin, to: rank)
        externalExpectations.raise(peers[place].expectationOrigin, to: rank)
    }

    /// A session of a peer has ended: what it told stays, and nothing late of it can come.
    private mutating func closeOrigins(of place: Int) {
        external.close(peers[place].receiving.origin)
        externalExpectations.close(peers[place].expectationOrigin)
    }

    /// Receives all of a peer's log once more; what the cache holds by now gives way to it.
    mutating func beginSessionAnew(with place: Int, at now: Instant) {
        counters.count(.sessionsDeceived)
        closeOrigins(of: place)
        let (origin, expectationOrigin) = openOrigins(term: peers[place].term)
        peers[place].receiving = ReceivingSession(incarnation: peers[place].incarnation, origin: origin, at: now)
        peers[place].expectationOrigin = expectationOrigin
        if leads(place) { external.followNobody() }
    }

    // MARK: What a header says

    private mutating func hear(_ header: DatagramHeader, from place: Int, at now: Instant) {
        let (role, term, inSync) = (peers[place].role, peers[place].term, peers[place].inSync)
        guard role != header.role || term != header.term || inSync != header.inSync else { return }
        peers[place].inSync = header.inSync
        hearRole(header, from: place, at: now)
        guard role != header.role else { return }
        hurryHeartbeats(at: now)
        // A master that stepped down may have announced flows late: they are adopted where both tuples are free.
        if role.claimsMastership, !header.role.claimsMastership { adoptExternal(at: now) }
    }

    private mutating func hearRole(_ header: DatagramHeader, from place: Int, at now: Instant) {
        peers[place].role = header.role
        peers[place].term = header.term
        raiseOrigins(of: place, to: OriginRank(term: header.term, admission: 0))
        let number = UInt64(header.sender)
        perform(
            header.role.claimsMastership
                ? roles.peerClaimsMaster(number, term: header.term, at: now)
                : roles.peerIsNotMaster(number, term: header.term, at: now), at: now)
    }

    /// Follows a master: the one that leads already, or one whose words count more.
    private mutating func followIfMaster(_ header: DatagramHeader, _ place: Int, at now: Instant) {
        // A term that is not believed ranks nobody.
        guard !tracks, header.term <= roles.terms.highest else { return }
        guard header.role == .master else {
            if leads(place), !peers[place].receiving.isFollowing { leaderWasSynced = false }
            return
        }
        if !leads(place) {
            if let last = leaderPlace, header.term <= peers[last].term {
                // One that speaks of a lower term than a master that is gone will be told, and take a higher one.
                let isGone = peers[last].isSilent || !peers[last].role.claimsMastership
                guard header.term == peers[last].term, isGone else { return }
            }
            leader = header.sender
            admissions += 1
            raiseOrigins(of: place, to: OriginRank(term: header.term, admission: admissions))
            loseSync(at: now)
            external.followNobody()
            // What it told as a backup is not what it holds as master.
            if peers[place].receiving.bulk != 0 { peers[place].receiving.requestBulk(at: now) }
        }
        leaderWasSynced = header.inSync
        followDigests(of: place)
    }

    /// Has the digests cover what the leader tells, once its key is known.
    mutating func followDigests(of place: Int) {
        guard leads(place), let key = peers[place].digestKey else { return }
        external.follow(peers[place].receiving.origin, key: key)
    }

    private mutating func loseSync(at now: Instant) {
        purge.lostSync()
        publish(readiness.lostSync(at: now))
    }

    /// A master that was promoted without its predecessor's flows asks whoever appears for them.
    private mutating func recallIfUnsynced(at now: Instant) {
        if !announcesInSync, recallJob == nil { recallDue = now }
    }

    // MARK: Silence

    /// Notices that peers fell silent.
    mutating func watchPeers(at now: Instant) {
        for place in peers.indices where !peers[place].isSilent {
            guard peers[place].hasLeft || now.since(peers[place].lastHeard) >= ReceivingSession.silence else {
                continue
            }
            peers[place].isSilent = true
            notices.append(.peerSilent(name: peers[place].name))
            if leads(place) { loseSync(at: now) }
            perform(roles.peerLost(UInt64(peers[place].sender), at: now), at: now)
        }
    }

    /// The highest term known, if no master is heard that has it: a master of a lower one must take a new one.
    var orphanedTerm: UInt64 {
        let highest = roles.terms.highest
        guard !tracks else { return 0 }
        let isClaimed = peers.contains { !$0.isSilent && $0.role.claimsMastership && $0.term >= highest }
        return isClaimed ? 0 : highest
    }

    /// Lets every peer hear of this node at once.
    mutating func hurryHeartbeats(at now: Instant) {
        for place in peers.indices { peers[place].heartbeatDue = now }
    }
}
