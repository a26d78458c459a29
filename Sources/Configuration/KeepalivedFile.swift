internal import Conntrack

/// What the agent needs to know of keepalived.conf(5): which addresses move with which sync group.
public struct KeepalivedFile: Sendable, Equatable {
    /// One `vrrp_instance`.
    public struct Instance: Sendable, Equatable {
        public var name: String
        public var interface: String?
        /// Names of the interfaces that may carry its addresses: its own, those of `dev`, and that of `use_vmac`.
        public var carriers: Set<String> = []
        /// Of `virtual_ipaddress` and `virtual_ipaddress_excluded`, in the order of the file.
        public var virtualAddresses: [HostAddress] = []
    }

    /// One `vrrp_sync_group`.
    public struct SyncGroup: Sendable, Equatable {
        public var name: String
        /// Names of its instances.
        public var members: [String] = []
    }

    public private(set) var instances: [Instance] = []
    public private(set) var syncGroups: [SyncGroup] = []
    /// The user whom `script_user` names; keepalived runs notify scripts as it.
    public private(set) var scriptUser: String?
    /// What could not be read; warnings only, since the file is keepalived's.
    public private(set) var problems: [ConfigurationProblem] = []

    /// Reads a file and what it includes; whatever is not of interest is passed over.
    public static func read(path: String, loader: any ConfigurationLoader) -> KeepalivedFile {
        var resolver = IncludeResolver(loader: loader, dialect: .keepalived)
        let start = FilePosition(path, 1, 1)
        let statements = resolver.statements(matching: path, origin: start, includer: nil)
        var file = KeepalivedFile()
        for statement in statements { file.take(statement) }
        let unread = resolver.problems.map { problem in
            var problem = problem
            problem.severity = .warning
            if problem.position == start {
                problem.remedy = "name it with `keepalived { config PATH }`, or write `virtual-address` leaves"
            }
            return problem
        }
        file.problems = unread + file.problems
        return file
    }

    /// The virtual addresses of a group's instances; nil if there is no such group.
    ///
    /// A name that is an instance's own is taken as a group of one: keepalived drops groups with one member
    /// (versions 2.1.0 to 2.2.2), and people then name the instance.
    public func virtualAddresses(ofGroup name: String) -> [HostAddress]? {
        let members: [String]
        if let group = syncGroups.first(where: { $0.name == name }) {
            members = group.members
        } else if instances.contains(where: { $0.name == name }) {
            members = [name]
        } else {
            return nil
        }
        return instances.filter { members.contains($0.name) }.flatMap(\.virtualAddresses)
    }

    /// The interfaces that may carry the virtual addresses of a group's instances.
    public func carriers(ofGroup name: String) -> Set<String> {
        let members = syncGroups.first { $0.name == name }?.members ?? [name]
        return instances.filter { members.contains($0.name) }.reduce(into: []) { $0.formUnion($1.carriers) }
    }

    /// What of this file does not fit a configuration of the agent; warnings only.
    public func mismatches(with configuration: AgentConfiguration, at position: FilePosition) -> [ConfigurationProblem]
    {
        guard case .vrrp(let name) = configuration.manager else { return [] }
        func warning(_ what: String, remedy: String) -> [ConfigurationProblem] {
            [ConfigurationProblem(.warning, position, what, remedy: remedy)]
        }
        guard let addresses = virtualAddresses(ofGroup: name) else {
            let known = syncGroups.map(\.name)
            let remedy = Spelling.nearest(to: name, among: known).map { "did you mean `\($0)`?" }
            return warning(
                "keepalived has no sync group `\(name)`",
                remedy: remedy
                    ?? (known.isEmpty ? "write a vrrp_sync_group" : "it has: \(known.joined(separator: " "))"))
        }
        guard addresses.isEmpty, configuration.virtualAddresses.isEmpty else { return [] }
        return warning(
            "the sync group `\(name)` has no virtual address, so every address of this node counts as its own",
            remedy: "write `virtual-address ADDRESS`")
    }

    private mutating func take(_ statement: Statement) {
        switch statement.keyword.text {
        case "vrrp_sync_group":
            guard let name = statement.values.first, let block = statement.block else { return }
            var group = SyncGroup(name: name.text)
            for inner in block where inner.keyword.text == "group" {
                for line in inner.block ?? [] { group.members += [line.keyword.text] + line.values.map(\.text) }
            }
            syncGroups.append(group)
        case "vrrp_instance":
            guard let name = statement.values.first, let block = statement.block else { return }
            instances.append(instance(name.text, block))
        case "global_defs":
            for inner in statement.block ?? [] where inner.keyword.text == "script_user" {
                scriptUser = inner.values.first?.text ?? scriptUser
            }
        default: break
        }
    }

    private mutating func instance(_ name: String, _ block: [Statement]) -> Instance {
        var instance = Instance(name: name)
        let router = block.first { $0.keyword.text == "virtual_router_id" }?.values.first?.text
        for inner in block {
            switch inner.keyword.text {
            case "interface":
                instance.interface = inner.values.first?.text
                if let interface = instance.interface { instance.carriers.insert(interface) }
            case "use_vmac":
                if let device = inner.values.first?.text ?? router.map({ "vrrp." + $0 }) {
                    instance.carriers.insert(device)
                }
            case "virtual_ipaddress", "virtual_ipaddress_excluded":
                for line in inner.block ?? [] {
                    // What follows on the line is the device, the scope, a label; see keepalived.conf(5).
                    let text = line.keyword.text.prefix { $0 != "/" }
                    if let address = HostAddress(parsing: text) {
                        instance.virtualAddresses.append(address)
                        let words = line.values.map(\.text)
                        for (word, device) in zip(words, words.dropFirst()) where word == "dev" {
                            instance.carriers.insert(device)
                        }
                    } else {
                        problems.append(
                            ConfigurationProblem(
                                .warning, line.position, "`\(line.keyword.text)` is no address",
                                remedy: "name it with `virtual-address` in the agent's file"))
                    }
                }
            default: break
            }
        }
        return instance
    }
}
