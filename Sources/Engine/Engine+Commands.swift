internal import Bytes
internal import Conntrack
internal import Failover
internal import Replication
public import StateMachine
internal import SyncProtocol

extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Takes in what the shell asks for; the work is done by the turns that follow, and answered by a notice.
    ///
    /// The shell runs a turn next. A role changes there, behind the events that wait: what the kernel told before the
    /// change belongs to the old role.
    public mutating func take(_ command: EngineCommand, at now: Instant) {
        switch command {
        case .notify(let notification, let source, let said):
            // Nobody can have spoken after now: that would silence whoever speaks next.
            let said = said.map { min($0, now) }
            notices.append(.heard(notification, reconciler.hear(notification, from: source, said: said, at: now)))
        case .choose(let role, let id):
            reconciler.choose(role, at: now)
            waiting.append(RoleWaiter(id: id, role: role))
        case .chooseAutomatically(let id):
            reconciler.chooseAutomatically(at: now)
            waiting.append(RoleWaiter(id: id, role: reconciler.truth.role))
        case .addresses(let presence):
            reconciler.see(presence, at: now)
            see(presence, at: now)
        case .ownAddresses(let addresses):
            settings.filter.ownAddresses = addresses
            kernel.leaveOut(settings.filter)
        case .networkWent:
            noteNetworkWent(at: now)
        case .commit(let id):
            guard commitJob == nil else { return answer(id, .refused("a commit is under way; see status")) }
            beginCommit(.manual(id: id), inSync: false, at: now)
        case .flush(let target, let id):
            flush(target, id: id, at: now)
        case .resyncKernel(let id):
            guard resyncJob == nil else { return answer(id, .refused("a dump is under way; ask again")) }
            beginResync(.asked(id: id))
        case .resyncPeer(let id):
            answer(id, askPeer(at: now))
        case .bulk(let id):
            guard !peers.isEmpty else { return answer(id, noPeer) }
            for place in peers.indices { beginBulk(to: place, at: now) }
            answer(id, .done("sending \(log.flowCount) flows"))
        case .purge(let id):
            beginPurge(id: id)
        case .resetExternal(let id):
            flushExternal()
            answer(id, askPeer(at: now))
        case .resetInternal(let id):
            guard resyncJob == nil else { return answer(id, .refused("a dump is under way; ask again")) }
            flushInternal()
            beginResync(.asked(id: id))
        case .facts(let told):
            // What is new goes out at once, what has merely moved on with the next greeting.
            if told.isNews(after: facts) {
                helloDue = now
            }
            facts = told
        }
    }

    /// Whether nobody waits for anything more from this node: no event waits, no dump runs, and the peer, if there is
    /// one that answers, has acknowledged all changes.
    public var isDrained: Bool {
        guard eventsOfLastTurn == 0, resyncJob == nil || resyncJob?.purpose == .background else { return false }
        return peers.allSatisfy { peer in
            peer.isSilent || peer.sending.live.covered >= log.latestVersion && peer.sending.isAcknowledged
        }
    }

    /// Addresses that go announce a demotion; those that come back to a master do not bring its flows back.
    private mutating func see(_ presence: AddressPresence, at now: Instant) {
        lacksAddresses = presence == .none
        switch presence {
        case .all:
            if addressesWent { resyncDue = now }
            addressesWent = false
            if !holdsAddresses { addressesSince = now }
            holdsAddresses = true
        case .some, .none:
            if holdsAddresses {
                noteNetworkWent(at: now)
                if !tracks {
                    external.outdateCopies()
                    if copyRetry.due != .never { copyRetry = CopyRetry(due: now) }
                }
            }
            if now.since(retiredAt) <= Self.destroyHold { formerMayLive = false }
            addressesWent = addressesWent || holdsAddresses
            holdsAddresses = false
        case .unknown:
            break
        }
    }

    /// Says goodbye: sends what is unsent, and that this node ends.
    public mutating func end(at now: Instant) {
        cancelCommit()
        send(at: now)
        outgoing.removeAll()
        for number in greetings.indices {
            begin(.everyone(over: UInt8(number)))
            _ = writer.append(.farewell)
            post(to: .everyone(over: UInt8(number)))
        }
        link.send(outgoing)
    }

    /// Takes the notices that have come up since the last call.
    public mutating func takeNotices() -> [EngineNotice] {
        guard !notices.isEmpty else { return [] }
        defer { notices.removeAll(keepingCapacity: true) }
        return notices
    }

    private var noPeer: CommandOutcome { .refused("no peer has been heard; check the link with `ctsync-ha status`") }

    private mutating func askPeer(at now: Instant) -> CommandOutcome {
        guard !peers.isEmpty else { return noPeer }
        for place in peers.indices { peers[place].receiving.requestBulk(at: now) }
        return .done("\(peers.map(\.name).joined(separator: ", ")): asked for a bulk")
    }

    private mutating func flush(_ target: EngineCommand.FlushTarget, id: UInt64, at now: Instant) {
        guard commitJob == nil else { return answer(id, .refused("a commit is under way; see status")) }
        switch target {
        case .internal:
            let flows = log.flowCount
            flushInternal()
            answer(id, .done("\(flows) flows forgotten; the kernel keeps them, `ctsync-ha resync kernel` finds them"))
        case .external:
            let flows = external.count
            flushExternal()
            answer(id, .done("\(flows) flows forgotten; `ctsync-ha resync peer` asks for them again"))
        case .kernel:
            guard resyncJob == nil else { return answer(id, .refused("a dump is under way; ask again")) }
            beginResync(.flush(id: id))
        }
    }

    private mutating func flushInternal() {
        shared.cursor = nil
        log = ChangeLog(key: settings.hashKey, digestKey: settings.digestKey, latestVersion: log.latestVersion)
        for place in peers.indices {
            peers[place].sending = SendingSession(log: &log, sequence: sequence, at: peers[place].lastHeard)
            beginBulk(to: place, at: peers[place].lastHeard)
        }
    }

    private mutating func flushExternal() {
        disownCopies()
        external.removeAll()
        externalExpectations.removeAll()
        for place in peers.indices { peers[place].receiving.abandon() }
    }

    /// Begins to take in what a peer that is no master has announced, if this node is master and nothing else runs.
    mutating func adoptExternal(at now: Instant) {
        guard commitJob == nil, absorption == nil else { return }
        wantsAdoption = false
        guard case .master = roles.state, external.count > 0 else { return }
        guard !peers.contains(where: { $0.role.claimsMastership }) else { return }
        beginCommit(.adoption, inSync: false, at: now)
    }
}
