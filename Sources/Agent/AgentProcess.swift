internal import Bytes
internal import Configuration
internal import Conntrack
internal import Engine
internal import Failover
internal import LinuxIO
internal import Netfilter
internal import StateMachine
internal import SyncTransport
internal import Systemd

/// The agent as a process: the order in which it starts and ends.
///
/// 1. read the configuration, 2. check that this kernel can be worked with, 3. take the control socket, which says
/// whether another agent runs, 4. take the next incarnation, 5. start the data thread, 6. serve on this one. It is
/// ready when the first dump is done.
public enum AgentProcess {
    /// Flows that the external cache takes at least, however small this kernel's table is.
    static let smallestCache = 262_144

    /// Where the users whom keepalived runs scripts as notify: `notify.sock` beside a control socket.
    public static func notifySocket(beside controlSocket: String) -> String {
        let folder = controlSocket.lastIndex(of: "/").map { controlSocket[...$0] } ?? ""
        return folder + "notify.sock"
    }

    /// Runs the agent until it is told to end; the exit code of the process.
    public static func run(configurationPath: String) -> Int32 {
        let journal = Journal()
        do {
            let configuration = try read(configurationPath, journal)
            try serve(configuration, journal)
            return 0
        } catch {
            for text in error.texts { journal.write(.critical, "not started: \(text)") }
            return 1
        }
    }

    private static func read(_ path: String, _ journal: Journal) throws(StartFailure) -> AgentConfiguration {
        let reading = AgentConfiguration.read(path: path)
        for warning in reading.warnings { journal.write(.warning, warning.description) }
        guard let configuration = reading.configuration else {
            throw .configuration(reading.errors.map(\.description))
        }
        return configuration
    }

    private static func serve(_ configuration: AgentConfiguration, _ journal: Journal) throws(StartFailure) {
        do { try ConntrackProbe.checkAccess() } catch { throw StartFailure(error) }
        let sealing = try readKeys(configuration)
        let signals = try openSignals()
        let mailbox = try openMailbox()
        let control = try listen(configuration.controlSocket, mode: 0o660, group: configuration.controlGroup)
        // Everyone may connect, and is asked who he is; a notification of whoever may not notify is refused.
        let notify = try listen(notifySocket(beside: configuration.controlSocket), mode: 0o666, group: nil)
        let state = StateDirectory(path: configuration.stateDirectory)
        let keepalived = KeepalivedFile.read(path: configuration.keepalived.path, loader: ConfigurationFiles())
        let group = groupName(configuration)
        let virtual = virtualAddresses(configuration, keepalived, group)
        if virtual.isEmpty {
            journal.write(
                .warning,
                "no virtual addresses are known: flows of every address of this node count as its own; "
                    + "set virtual-address, or name the group as keepalived does")
        }
        var addresses = try follow(virtual, keepalived.carriers(ofGroup: group))
        var settings = EngineSettings(
            nodeName: configuration.nodeName, incarnation: try state.nextIncarnation().number, group: group,
            hashKey: SipHash.Key(KernelRandom.word(), KernelRandom.word()),
            digestKey: SipHash.Key(KernelRandom.word(), KernelRandom.word()))
        settings.storedTerm = try state.storedTerm()
        settings.groupMembers = keepalived.syncGroups.first { $0.name == group }?.members ?? []
        settings.followsFirstMember = configuration.keepalived.commitOn == .firstMember
        settings.filter.acceptedProtocols = configuration.acceptedProtocols
        settings.filter.ignoredAddresses = configuration.ignoredAddresses
        settings.helpers = configuration.expectationHelpers
        settings.leftOut = configuration.leftOut
        settings.purgeTimeout = configuration.purgeTimeout
        settings.isHot = configuration.standby == .hot
        settings.orphanTimeout = configuration.orphanTimeout
        settings.commitTolerance = Int(configuration.commitTolerance.partsPerMillion / 100)
        settings.startupResync = configuration.startupResync
        settings.peerLimit = peerLimit(configuration)
        // The peer's table and the ends that are remembered, but no peer fills this node's memory.
        settings.externalLimit = max(Self.smallestCache, 2 * (KernelFacts.limit() ?? 0))
        let readiness = configuration.keepalived.trackFile.map(ReadinessFile.init)
        settings.keptReadiness = readiness?.kept()
        settings.filter.ownAddresses = addresses.begin()
        let tracking = (try? ConntrackProbe.packetTracking()) ?? .unknown
        if tracking == .disabled {
            journal.write(
                .warning, "no ruleset enables conntrack here: packets are not tracked; load a NAT or stateful ruleset")
        }
        warnOfOpenLink(sealing.stage, journal)
        let plan = DataThread.Plan(
            settings: settings, links: linkSettings(configuration), sealing: sealing,
            eventQueueBytes: configuration.eventQueueBytes,
            watchdogInterval: Supervisor.watchdogInterval())
        let thread = try ControlThread(
            mailbox: mailbox, signals: signals, control: control, notify: notify, addresses: addresses,
            hold: HoldKeeper(
                isWanted: configuration.hold && configuration.standby == .cold, limit: configuration.holdLimit,
                journal: journal),
            notifiers: notifiers(keepalived), group: group, journal: journal, state: state,
            readiness: readiness,
            status: StatusComposer(node: configuration.nodeName, group: group, tracking: tracking),
            statistics: StatisticsComposer(), interfaces: configuration.links.map(\.interface))
        // What an earlier run published no longer holds, unless it was master.
        if settings.keptReadiness == nil { thread.publish(.neverSynced) }
        let data = try start(plan, mailbox)
        thread.run()
        data.join()
        if let failure = thread.failure { throw failure }
    }

    private static func readKeys(_ configuration: AgentConfiguration) throws(StartFailure) -> SealingPlan {
        do throws(KeyFileFailure) { return try SealingPlan.read(configuration) } catch { throw .key(error.text) }
    }

    private static func warnOfOpenLink(_ stage: SealingStage, _ journal: Journal) {
        switch stage {
        case .off:
            journal.write(
                .warning,
                "the link is open: replication is neither encrypted nor authenticated; make a key with "
                    + "`ctsync-ha key new`, and until then use a cable of its own")
        case .accept:
            journal.write(.warning, "the link takes open datagrams too: sealing is in stage accept")
        case .require: break
        }
    }

    private static func openSignals() throws(StartFailure) -> SignalDescriptor {
        do { return try SignalDescriptor() } catch { throw .system("\(error)") }
    }

    private static func openMailbox() throws(StartFailure) -> Mailbox {
        do { return try Mailbox() } catch { throw .system("\(error)") }
    }

    private static func follow(
        _ virtual: Set<FlowFilter.OwnAddress>, _ carriers: Set<String>
    ) throws(StartFailure) -> AddressFollower {
        do { return try AddressFollower(virtual: virtual, carriers: carriers) } catch { throw .netlink("\(error)") }
    }

    private static func start(_ plan: DataThread.Plan, _ mailbox: Mailbox) throws(StartFailure) -> Thread {
        do { return try Thread(name: "ctsync-data") { DataThread.run(plan, mailbox) } } catch {
            throw .system("\(error)")
        }
    }

    private static func listen(_ path: String, mode: UInt32, group: String?) throws(StartFailure) -> UnixListener {
        do { return try UnixListener(path: path, mode: mode, group: group) } catch {
            switch error {
            case .inUse: throw .socketInUse(path)
            case .unusablePath: throw .socket(path, "the path is empty or longer than 107 bytes; set control-socket")
            case .notASocket: throw .socket(path, "something else is there; remove it, or set control-socket")
            case .unknownGroup(let name): throw .socket(path, "no group `\(name)` exists; set control-group")
            case .system(let reason): throw .socket(path, "\(reason); create its folder, or set control-socket")
            }
        }
    }

    private static func groupName(_ configuration: AgentConfiguration) -> String {
        switch configuration.manager {
        case .vrrp(let name), .cluster(let name): name
        case .none: "manual"
        }
    }

    private static func virtualAddresses(
        _ configuration: AgentConfiguration, _ keepalived: KeepalivedFile, _ group: String
    ) -> Set<FlowFilter.OwnAddress> {
        let known =
            configuration.virtualAddresses.isEmpty
            ? keepalived.virtualAddresses(ofGroup: group) ?? [] : configuration.virtualAddresses
        return Set(known.map { FlowFilter.OwnAddress($0.address, $0.family) })
    }

    /// root, this process's user, and whoever keepalived runs its scripts as.
    private static func notifiers(_ keepalived: KeepalivedFile) -> Set<UInt32> {
        var users: Set<UInt32> = [0, UnixUser.own]
        for name in [keepalived.scriptUser ?? "keepalived_script", "keepalived_script"] {
            if let number = UnixUser.number(of: name) { users.insert(number) }
        }
        return users
    }

    /// Nodes that can be peers: as many as are named, if all links name them.
    private static func peerLimit(_ configuration: AgentConfiguration) -> Int {
        var limit = 0
        for link in configuration.links {
            guard case .unicast(let peers) = link.destination else { return ConfigurationLimit.peers }
            limit = max(limit, peers.count)
        }
        return limit
    }

    private static func linkSettings(_ configuration: AgentConfiguration) -> [LinkSettings] {
        configuration.links.map { link in
            let audience: LinkSettings.Audience =
                switch link.destination {
                case .multicast(let group): .group(group.address)
                case .unicast(let peers): .peers(peers.map(\.address))
                }
            // Each link numbers its sources by a key of its own, so that no two links have the same number.
            return LinkSettings(
                interface: link.interface, family: link.family, port: link.port,
                listenAddresses: link.listenAddresses.map(\.address), audience: audience,
                queueBytes: configuration.syncQueueBytes,
                sourceKey: SipHash.Key(KernelRandom.word(), KernelRandom.word()))
        }
    }
}
