internal import Conntrack
internal import ControlProtocol
internal import Engine
internal import Failover
internal import LinuxIO
internal import Netfilter
internal import StateMachine
internal import SyncTransport
internal import Systemd

extension ControlThread {
    /// Takes in one request; it is answered now, or by news of the data thread.
    func take(_ request: ControlRequest, of session: ControlSession) {
        if session.isNotifyOnly {
            guard case .notify = request else { return session.send(.refused("this socket takes notifications only")) }
        }
        switch request {
        case .status, .statistics:
            session.pending = request == .status ? .status : .statistics
            mailbox.ask { $0.wantsReport = true }
        case .preflight:
            gatherFacts(noOlderThan: Self.freshness, at: MonotonicClock.now())
            session.pending = .preflight
            mailbox.ask { $0.wantsReport = true }
        case .cache(let name, let content):
            session.pending = .listing
            askListing(
                .init(session: session.number, external: name == .external, expected: content == .expect, slot: 0))
        case .table(let family):
            beginTable(family, of: session)
        case .notify(let notification):
            takeNotification(notification, of: session)
        case .role(let order, let name):
            if let name, name != group {
                return session.send(.refused("unknown group `\(name)`: this agent follows `\(group)`"))
            }
            switch order {
            case .master: ask(session) { .choose(.master, id: $0) }
            case .backup: ask(session) { .choose(.backup, id: $0) }
            case .fault: ask(session) { .choose(.fault, id: $0) }
            case .auto: ask(session) { .chooseAutomatically(id: $0) }
            }
        case .commit: ask(session) { .commit(id: $0) }
        case .flush(.internal): ask(session) { .flush(.internal, id: $0) }
        case .flush(.external): ask(session) { .flush(.external, id: $0) }
        case .flush(.kernel): ask(session) { .flush(.kernel, id: $0) }
        case .resync(.kernel): ask(session) { .resyncKernel(id: $0) }
        case .resync(.peer): ask(session) { .resyncPeer(id: $0) }
        case .bulk: ask(session) { .bulk(id: $0) }
        case .purge: ask(session) { .purge(id: $0) }
        case .reset(.external): ask(session) { .resetExternal(id: $0) }
        case .reset(.internal): ask(session) { .resetInternal(id: $0) }
        case .key(let order): takeKeyOrder(order, of: session)
        }
    }

    /// Gives an order to the data thread; the session waits for its answer.
    private func ask(_ session: ControlSession, _ command: (UInt64) -> EngineCommand) {
        let id = nextCommand
        nextCommand += 1
        session.pending = .answer(id: id, since: MonotonicClock.now())
        let order = command(id)
        mailbox.ask { $0.commands.append(order) }
    }

    private func takeKeyOrder(_ order: KeyOrder, of session: ControlSession) {
        let wanted: SealingOrder
        switch order {
        case .add(let id, let secret):
            session.wipe()
            var bytes = secret.bytes
            guard let key = SealKey(id: id, wiping: &bytes) else {
                return session.send(.refused("a key's id is 1 to 255"))
            }
            wanted = .add(key)
        case .use(let id): wanted = .use(id)
        case .remove(let id): wanted = .remove(id)
        case .stage(let stage): wanted = .enter(stage)
        case .list: wanted = .list
        }
        if let text = Self.text(wanted) { journal.write(.notice, "user \(session.peer.userID) orders: \(text)") }
        let id = nextCommand
        nextCommand += 1
        session.pending = .answer(id: id, since: MonotonicClock.now())
        mailbox.ask { $0.sealing.append((id, wanted)) }
    }

    private static func text(_ order: SealingOrder) -> String? {
        switch order {
        case .add(let key): "key add \(key.id) (\(key.fingerprint))"
        case .use(let id): "key use \(id)"
        case .remove(let id): "key remove \(id)"
        case .enter(let stage): "key stage \(stage.rawValue)"
        case .list: nil
        }
    }

    private func takeNotification(_ told: ControlProtocol.RoleNotification, of session: ControlSession) {
        if told.subject == .group, told.name != group {
            journal.write(.warning, "a notification names group `\(told.name)`; this agent follows `\(group)`")
            return session.send(.refused("unknown group `\(told.name)`: this agent follows `\(group)`"))
        }
        do {
            let notification = try Failover.RoleNotification(
                kind: told.subject.rawValue, name: told.name, state: told.state.rawValue)
            let said = told.sentAt > 0 ? Instant(nanoseconds: told.sentAt) : nil
            mailbox.ask { $0.commands.append(.notify(notification, from: .notify, said: said)) }
            session.send(.done("heard"))
        } catch {
            session.send(.refused(error.rawValue))
        }
    }

    // MARK: Listings

    func askListing(_ request: Mailbox.ListingRequest) {
        listings.append(request)
        if listings.count == 1 { mailbox.ask { $0.listing = request } }
    }

    /// Hands a part of a listing on, and asks for the next one in line.
    func answerListing(_ part: Mailbox.ListingPart) {
        guard !listings.isEmpty else { return }
        let request = listings.removeFirst()
        if let session = sessions[part.session], !session.isClosed {
            let more = part.next != nil
            switch part.lines {
            case .flows(let flows):
                session.send(.flows(FlowBatch(flows.map { FlowLine($0.flow) }, more: more)))
            case .expectations(let expectations):
                session.send(
                    .expectations(ExpectationLineBatch(expectations.map { ExpectationLine($0) }, more: more)))
            }
            if let next = part.next {
                var rest = request
                rest.slot = next
                if session.hasRoom { listings.append(rest) } else { session.suspendedListing = rest }
            }
            resume(session)
        }
        if let next = listings.first { mailbox.ask { $0.listing = next } }
    }

    private func beginTable(_ family: AddressFamily?, of session: ControlSession) {
        do {
            try session.dump.begin(family)
            session.pending = .table
            session.tableWarning = nil
            if status.tracking == .disabled {
                session.tableWarning = "no ruleset enables conntrack here: packets are not tracked"
            }
        } catch {
            session.send(.refused(StartFailure(error).text))
        }
    }

    /// Reads on in the dumps of the sessions that list the kernel's table.
    func pumpTables() {
        for session in sessions.values where session.pending == .table && session.hasRoom && !session.isClosed {
            var batch = EventBatch(limit: ControlLimit.batchFlows)
            let progress: Netfilter.DumpProgress
            do { progress = try session.dump.read(into: &batch) } catch {
                session.send(.refused(StartFailure(error).text))
                continue
            }
            let lines = batch.events.map { FlowLine($0.flow) }
            switch progress {
            case .more:
                session.send(.flows(FlowBatch(lines, more: true, warning: session.tableWarning)))
                session.pending = .table
            case .finished, .interrupted:
                session.send(.flows(FlowBatch(lines, more: false, warning: session.tableWarning)))
            case .failed(let error):
                session.send(.refused("the kernel refused the dump: \(SystemCallError.text(of: error))"))
            }
            resume(session)
        }
    }
}
