internal import Conntrack
internal import StateMachine

extension ConfigurationReader {
    /// `interface NAME`, with or without a block: a link.
    mutating func readInterface(_ statement: Statement) {
        guard statement.values.count == 1, let name = statement.values.first else {
            return error(
                statement.values.dropFirst().first?.position ?? statement.position,
                "`interface` needs one name", remedy: "write `\(RootWord.interface.usage)`")
        }
        guard interfaceName(name) != nil else { return }
        if let known = interfaces.first(where: { $0.name.text == name.text }) {
            return error(
                name.position, "`\(name.text)` was named already at \(known.name.position)",
                remedy: "write all of it in one block, or name the other interface")
        }
        guard interfaces.count < ConfigurationLimit.links else {
            return error(
                name.position, "more than \(ConfigurationLimit.links) interfaces",
                remedy: "name only those over which the nodes replicate")
        }
        let index = interfaces.endIndex
        interfaces.append(InterfaceDraft(name: name))
        read(statement.block ?? [], as: InterfaceWord.self) { reader, word, leaf in
            switch word {
            case .peer:
                for value in reader.several(word, leaf) {
                    if let address = reader.address(value) {
                        reader.interfaces[index].peers.append((address, value.position))
                    }
                }
            case .port:
                guard let value = reader.single(word, leaf, scope: "interface \(name.text)") else { return }
                reader.interfaces[index].port = reader.port(value)
            case .listenAddress:
                guard let value = reader.single(word, leaf, scope: "interface \(name.text)") else { return }
                reader.interfaces[index].listenAddress = reader.listenAddress(value)
            }
        }
    }

    /// `failover-mechanism`, or the block that stands in it without it.
    mutating func readManager(_ word: RootWord, _ statement: Statement) {
        guard let inside = block(word, statement) else { return }
        switch word {
        case .vrrp:
            read(inside, as: VRRPWord.self) { reader, word, leaf in
                guard let value = reader.one(word, leaf) else { return }
                reader.setManager(.vrrp(syncGroup: value.text), value.position)
            }
            if inside.isEmpty { error(statement.position, "`vrrp` names no group", remedy: "write `sync-group NAME`") }
        case .cluster:
            read(inside, as: ClusterWord.self) { reader, word, leaf in
                guard let value = reader.one(word, leaf) else { return }
                reader.setManager(.cluster(group: value.text), value.position)
                reader.warnInert(
                    leaf, "Pacemaker is not asked for the role", remedy: "let its resource call `ctsync-ha role`")
            }
            if inside.isEmpty { error(statement.position, "`cluster` names no group", remedy: "write `group NAME`") }
        default:
            read(inside, as: FailoverWord.self) { reader, word, inner in
                reader.readManager(word == .vrrp ? .vrrp : .cluster, inner)
            }
        }
    }

    private mutating func setManager(_ manager: RoleManager, _ position: FilePosition) {
        guard draft.manager == .none || draft.manager == manager else {
            return error(position, "a second group to follow", remedy: "one for now: several come later")
        }
        draft.manager = manager
    }

    /// Reads `keepalived { }`: where its files are.
    mutating func readKeepalived(_ statement: Statement) {
        guard let inside = block(RootWord.keepalived, statement) else { return }
        read(inside, as: KeepalivedWord.self) { reader, word, leaf in
            guard let value = reader.single(word, leaf, scope: "keepalived") else { return }
            switch word {
            case .config:
                if let path = reader.absolutePath(value) { reader.draft.keepalived.path = path }
            case .notifyFIFO:
                reader.draft.keepalived.notifyFIFO = reader.absolutePath(value)
                reader.warnInert(
                    leaf, "the FIFO is not read",
                    remedy: "write `notify \"/usr/sbin/ctsync-ha notify\"` in the sync group")
            case .trackFile:
                reader.draft.keepalived.trackFile = reader.absolutePath(value)
            case .commitOn:
                if let start = reader.choice(value, TakeoverStart.self) { reader.draft.keepalived.commitOn = start }
            }
        }
    }

    /// `group NAME { }`; the same name again adds to it.
    mutating func readGroup(_ statement: Statement) {
        guard statement.values.count == 1, let name = statement.values.first, let block = statement.block else {
            return error(
                statement.position, "`group` needs a name and a block", remedy: "write `\(RootWord.group.usage)`")
        }
        warnInert(statement, "every flow belongs to the one group that is followed")
        let known = draft.groups.firstIndex { $0.name == name.text }
        var group = known.map { draft.groups[$0] } ?? GroupConfiguration(name: name.text)
        read(block, as: GroupWord.self) { reader, word, leaf in
            for value in reader.several(word, leaf) {
                switch word {
                case .virtualAddress:
                    if let address = reader.addressWithOptionalLength(value) { group.virtualAddresses.append(address) }
                case .prefix:
                    if let prefix = reader.prefix(value) { group.prefixes.append(prefix) }
                case .zone:
                    if let zone = reader.zone(value) { group.zones.append(zone) }
                case .mark:
                    if let mark = reader.mark(value) { group.marks.append(mark) }
                case .interface:
                    if let name = reader.interfaceName(value) { group.interfaces.append(name) }
                }
            }
        }
        if let known { draft.groups[known] = group } else { draft.groups.append(group) }
    }

    private mutating func zone(_ word: Word) -> UInt16? {
        if let zone = Quantity.integer(word.text).flatMap({ UInt16(exactly: $0) }) { return zone }
        error(word.position, "`\(word.text)` is no zone", remedy: "write a number from 0 to 65535")
        return nil
    }

    private mutating func mark(_ word: Word) -> GroupConfiguration.Mark? {
        let parts = word.text.split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Quantity.integer($0) }
        if numbers.count == parts.count, numbers.count == 1 { return .init(value: numbers[0]) }
        if numbers.count == parts.count, numbers.count == 2 { return .init(value: numbers[0], mask: numbers[1]) }
        error(word.position, "`\(word.text)` is no mark", remedy: "write VALUE or VALUE/MASK, as in 0x10/0xf0")
        return nil
    }

    /// Reads `metrics { }`: where to serve them.
    mutating func readMetrics(_ statement: Statement) {
        guard let inside = block(RootWord.metrics, statement) else { return }
        warnInert(statement, "no metrics are served")
        read(inside, as: MetricsWord.self) { reader, word, leaf in
            guard let value = reader.one(word, leaf) else { return }
            guard let listener = MetricsListener(parsing: value.text) else {
                return reader.error(
                    value.position, "`\(value.text)` is no address and port",
                    remedy: "write ADDRESS:PORT, or [ADDRESS]:PORT with IPv6")
            }
            reader.draft.metricsListeners.append(listener)
        }
    }
}

extension MetricsListener {
    /// Reads `ADDRESS:PORT` or `[ADDRESS]:PORT`; nil for anything else.
    init?(parsing text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard let address = HostAddress(parsing: host) else { return nil }
        self.init(address: address, port: port)
    }
}
