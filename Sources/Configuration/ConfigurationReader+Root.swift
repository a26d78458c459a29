internal import Conntrack
internal import StateMachine

extension ConfigurationReader {
    /// Reads the words at the top, or inside `conntrack-sync { }`.
    mutating func readRoot(_ statements: [Statement]) {
        read(statements, as: RootWord.self) { reader, word, statement in
            switch word {
            case .service: reader.readService(statement)
            case .conntrackSync:
                if let block = reader.block(word, statement) { reader.readRoot(block) }
            case .failoverMechanism, .vrrp, .cluster: reader.readManager(word, statement)
            case .interface: reader.readInterface(statement)
            case .keepalived: reader.readKeepalived(statement)
            case .group: reader.readGroup(statement)
            case .metrics: reader.readMetrics(statement)
            case .acceptProtocol, .disableExternalCache, .disableSyslog, .eventListenQueueSize, .expectSync,
                .ignoreAddress, .listenAddress, .mcastGroup, .purgeTimeout, .startupResync, .syncQueueSize:
                reader.readReplicationLeaf(word, statement)
            case .nodeName, .standby, .hold, .holdLimit, .orphanTimeout, .commitTolerance, .keyFile, .sealing,
                .controlSocket,
                .controlGroup, .stateDirectory, .virtualAddress, .leaveOut, .include:
                reader.readNodeLeaf(word, statement)
            }
        }
    }

    /// A pasted `service { }` may hold other services: they are somebody else's.
    private mutating func readService(_ statement: Statement) {
        guard let block = block(RootWord.service, statement) else { return }
        for inner in block {
            if inner.keyword.text == RootWord.conntrackSync.rawValue {
                readRoot([inner])
                continue
            }
            let near = Spelling.nearest(to: inner.keyword.text, among: [RootWord.conntrackSync.rawValue])
            warn(
                inner.position, "`\(inner.keyword.text)` is another service and was not read",
                remedy: near.map { "did you mean `\($0)`?" } ?? "remove it, or leave it")
        }
    }

    /// The leaves of VyOS's tree.
    private mutating func readReplicationLeaf(_ word: RootWord, _ statement: Statement) {
        switch word {
        case .acceptProtocol:
            for value in several(word, statement) { readAcceptedProtocol(value) }
        case .ignoreAddress:
            for value in several(word, statement) {
                if let prefix = prefix(value) { draft.ignoredAddresses.append(prefix) }
            }
        case .expectSync:
            readExpectSync(statement)
        case .eventListenQueueSize:
            if let value = single(word, statement), let size = bufferSize(value) { draft.eventQueueBytes = size }
        case .syncQueueSize:
            if let value = single(word, statement), let size = bufferSize(value) { draft.syncQueueBytes = size }
        case .listenAddress:
            readListenAddress(statement)
        case .mcastGroup:
            guard let value = single(word, statement), let group = address(value) else { return }
            guard group.isMulticast else {
                return error(
                    value.position, "\(group) is no multicast address", remedy: "write one of 224.0.0.0/4 or ff00::/8")
            }
            multicastGroup = (group, value.position)
        case .purgeTimeout:
            guard let value = single(word, statement) else { return }
            draft.purgeTimeout =
                span(
                    value, from: .seconds(1), to: .seconds(2_147_483_647), bareSeconds: true,
                    bounds: "1 to 2147483647 seconds") ?? draft.purgeTimeout
        case .startupResync:
            guard !statement.values.isEmpty else {
                if first(word, statement), flag(word, statement) { draft.startupResync = true }
                return
            }
            if let value = single(word, statement), let on = onOff(value) { draft.startupResync = on }
        case .disableExternalCache:
            if flag(word, statement) { setStandby(.hot, statement.position) }
        case .disableSyslog:
            guard flag(word, statement) else { return }
            warn(
                statement.position, "`disable-syslog` has no effect: messages go to the journal only",
                remedy: "remove it")
        default: break
        }
    }

    private mutating func readAcceptedProtocol(_ value: Word) {
        if value.text == "all" {
            acceptsAllProtocols = true
        } else if let number = ProtocolNumber(parsing: value.text) ?? protocols.number(of: value.text) {
            draft.acceptedProtocols = (draft.acceptedProtocols ?? []).union([number])
        } else {
            let known = ["tcp", "udp", "icmp", "icmp6", "sctp", "dccp", "gre", "udplite", "all"]
            let near = Spelling.nearest(to: value.text, among: known).map { "did you mean `\($0)`?" }
            error(
                value.position, "unknown protocol `\(value.text)`",
                remedy: near ?? "write a name of /etc/protocols, a number from 0 to 255, or all")
        }
    }

    private mutating func readListenAddress(_ statement: Statement) {
        guard let value = one(RootWord.listenAddress, statement), let listen = listenAddress(value) else { return }
        if listenAddresses.contains(where: { $0.address == listen.address }) {
            return error(value.position, "\(listen.address) was named already", remedy: "remove one")
        }
        listenAddresses.append(listen)
    }

    /// The leaves that are ours.
    private mutating func readNodeLeaf(_ word: RootWord, _ statement: Statement) {
        if word == .leaveOut { return readLeaveOut(statement) }
        if word == .keyFile { return readKeyFile(statement) }
        if word == .virtualAddress {
            for value in several(word, statement) {
                if let address = addressWithOptionalLength(value) { draft.virtualAddresses.append(address) }
            }
            return
        }
        guard let value = single(word, statement) else { return }
        switch word {
        case .nodeName:
            nodeNameIsSaid = true
            if let name = plainName(value) { draft.nodeName = name }
        case .standby:
            if let mode = choice(value, StandbyMode.self) { setStandby(mode, value.position) }
        case .hold:
            if let on = onOff(value) { draft.hold = on }
        case .holdLimit:
            draft.holdLimit =
                span(value, from: .milliseconds(100), to: .seconds(60), bounds: "100ms to 60s") ?? draft.holdLimit
        case .orphanTimeout:
            draft.orphanTimeout =
                span(value, from: .seconds(1), to: .seconds(86_400), bounds: "1s to 24h") ?? draft.orphanTimeout
        case .commitTolerance:
            guard let share = Quantity.share(value.text) else {
                return error(value.position, "`\(value.text)` is no share", remedy: "write 0% to 100%, as in 0.5%")
            }
            draft.commitTolerance = share
        case .sealing:
            if let stage = choice(value, SealingStage.self) {
                draft.sealing = stage
                sealingPosition = value.position
            }
        case .controlSocket:
            // sockaddr_un has room for 107 bytes and the end (unix(7)).
            guard let path = absolutePath(value) else { return }
            guard path.utf8.count <= 107 else {
                return error(value.position, "the path is longer than 107 bytes", remedy: "choose a shorter one")
            }
            draft.controlSocket = path
        case .controlGroup:
            if let name = plainName(value) { draft.controlGroup = name }
        case .stateDirectory:
            if let path = absolutePath(value) { draft.stateDirectory = path }
        default: break
        }
    }

    /// Reads `key-file`: an absolute path, or the bare name of a credential of systemd's.
    private mutating func readKeyFile(_ statement: Statement) {
        guard let value = one(RootWord.keyFile, statement) else { return }
        let place: KeyFileConfiguration.Place
        if value.text.hasPrefix("/") {
            place = .path(value.text)
        } else {
            guard !value.text.contains("/"), value.text != ".", value.text != ".." else {
                return error(
                    value.position, "`\(value.text)` is no absolute path and no credential",
                    remedy: "begin it with /, or write the bare name of a systemd credential")
            }
            place = .credential(value.text)
        }
        if draft.keyFiles.contains(where: { $0.place == place }) {
            return error(value.position, "`\(value.text)` was named already", remedy: "remove one")
        }
        // Room for a roll-over, and far from what a datagram's opener could notice.
        guard draft.keyFiles.count < ConfigurationLimit.keyFiles else {
            return error(
                value.position, "more than \(ConfigurationLimit.keyFiles) keys", remedy: "remove those no longer used")
        }
        draft.keyFiles.append(KeyFileConfiguration(place, position: value.position))
    }

    /// Reads `leave-out`: attributes that this node's kernel is not given at a takeover.
    private mutating func readLeaveOut(_ statement: Statement) {
        let words = FlowAttribute.allCases.filter(\.canBeLeftOut)
        for value in several(RootWord.leaveOut, statement) {
            guard let attribute = words.first(where: { $0.name == value.text }) else {
                let near = Spelling.nearest(to: value.text, among: words.map(\.name))
                error(
                    value.position, "`\(value.text)` is no attribute that can be left out",
                    remedy: near.map { "did you mean `\($0)`?" }
                        ?? "write one of: \(words.map(\.name).joined(separator: " "))")
                continue
            }
            draft.leftOut.insert(FlowAttributes(attribute))
            if attribute == .status {
                warn(
                    value.position, "without their status, rules take flows for new until they are answered",
                    remedy: "leave out another attribute, unless this kernel must not be given it")
            }
        }
    }

    private mutating func setStandby(_ mode: StandbyMode, _ position: FilePosition) {
        if let said = standbySaid, said != mode {
            return error(
                position, "`standby cold` and `disable-external-cache` contradict each other", remedy: "remove one")
        }
        standbySaid = mode
        draft.standby = mode
    }
}
