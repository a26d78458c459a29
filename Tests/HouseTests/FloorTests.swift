import Testing

/// Arrows point down only.
///
/// The table is CONTRIBUTING.md's; a target that is not in it does not exist yet.
@Suite struct FloorTests {
    static let floors: [String: Int] = [
        "CLinux": 0, "CNetfilterConntrack": 0, "CSystemd": 0,
        "Bytes": 1, "StateMachine": 1, "Conntrack": 1,
        "Failover": 2, "Replication": 2, "SyncProtocol": 2, "Configuration": 2, "ControlProtocol": 2,
        "Engine": 3, "Netfilter": 3, "SyncTransport": 3, "RoleSources": 3, "Systemd": 3, "LinuxIO": 3,
        "Agent": 4,
        "ctsync-ha": 5,
    ]
    static let edges: Set = ["Netfilter", "SyncTransport", "RoleSources", "Systemd", "LinuxIO"]
    /// Targets that support tests: they may stand on any floor, and nothing of the product stands on them.
    static let testSupport: Set = ["Simulation", "benchmark", "lab", "LabSupport", "fuzz"]
    /// Arrows within one floor.
    static let sideways: [String: Set<String>] = [
        "Conntrack": ["Bytes"],
        "Netfilter": ["LinuxIO"], "SyncTransport": ["LinuxIO"], "RoleSources": ["LinuxIO"], "Systemd": ["LinuxIO"],
    ]
    /// Arrows that point down and still must not be.
    static let forbidden: [String: Set<String>] = ["Failover": ["Conntrack", "Bytes"]]
    /// Modules that come with the system or the toolchain, and who may import them.
    static let system: [String: Set<String>] = [
        "Glibc": edges.union(["Agent", "ctsync-ha"]),
        "Synchronization": edges.union(["Agent", "ctsync-ha"]),
        "FoundationEssentials": ["SyncTransport", "ctsync-ha"],
    ]
    /// Products of others, and who may depend on them.
    static let products: [String: Set<String>] = [
        "ArgumentParser": ["ctsync-ha"],
        "Crypto": ["SyncTransport"],
        "Logging": ["Agent", "ctsync-ha"],
        "DequeModule": ["Replication", "Engine"],
    ]

    static let manifest = Manifest(House.files.first { $0.path == "Package.swift" }?.text ?? "")
    static let product = manifest.targets.filter { $0.kind != "testTarget" && !testSupport.contains($0.name) }

    /// Floors without a kernel, a clock or chance.
    static func isPure(_ target: String) -> Bool {
        target == "Engine" || (1...2).contains(floors[target] ?? 0)
    }

    /// Whether a target may depend on another.
    static func mayDepend(_ target: String, on other: String) -> Bool {
        guard let floor = floors[target], let below = floors[other] else { return false }
        if forbidden[target]?.contains(other) == true { return false }
        if isPure(target), below == 0 { return false }
        // An edge sees bytes, flows and the kernel; roles, messages and caches are not its business.
        if edges.contains(target), below == 2 { return false }
        return below < floor || sideways[target]?.contains(other) == true
    }

    @Test func `the manifest is read at all`() {
        #expect(Self.product.count >= Self.floors.count)
        #expect(Self.manifest["ctsync-ha"]?.products.contains("ArgumentParser") == true)
        #expect(Self.manifest["Engine"]?.dependencies.contains("Failover") == true)
        #expect(House.sources.count > 20)
    }

    @Test func `every target has a floor, and its folder`() {
        for target in Self.product {
            #expect(Self.floors[target.name] != nil, "\(target.name) stands on no floor")
            #expect(House.files.contains { $0.path.hasPrefix("Sources/\(target.name)/") }, "\(target.name) is empty")
        }
        let folders = Set(House.files.filter { $0.path.hasPrefix("Sources/") }.map(\.target))
        for folder in folders { #expect(Self.manifest[folder] != nil, "Sources/\(folder) is no target") }
    }

    @Test func `every arrow points down`() {
        for target in Self.product {
            for other in target.dependencies.sorted() {
                #expect(Self.mayDepend(target.name, on: other), "\(target.name) must not depend on \(other)")
            }
            for name in target.products.sorted() {
                #expect(Self.products[name]?.contains(target.name) == true, "\(target.name) must not use \(name)")
            }
        }
    }

    @Test func `every import is declared, and allowed where it stands`() {
        for file in House.sources {
            guard let target = Self.manifest[file.target], !Self.testSupport.contains(target.name) else { continue }
            let declared = target.dependencies.union(target.products)
            for module in SwiftText(file.text).imports where !declared.contains(module) {
                #expect(
                    Self.system[module]?.contains(target.name) == true,
                    "\(file.path) must not import \(module)")
            }
        }
    }

    @Test func `ciphers have one place`() {
        let place = "Sources/SyncTransport/Sealing/"
        for file in House.sources where file.target != "ctsync-ha" && !file.path.hasPrefix(place) {
            let found = SwiftText(file.text).imports.filter { $0 == "Crypto" || $0 == "FoundationEssentials" }
            #expect(found.isEmpty, "\(file.path) imports \(found)")
        }
    }

    @Test func `every dependency is used`() {
        for target in Self.product where target.kind != "systemLibrary" {
            let files = House.sources.filter { $0.target == target.name }
            // A room that is laid out and not yet furnished.
            if files.count == 1, files[0].lines.count < 5 { continue }
            let imported = Set(files.flatMap { SwiftText($0.text).imports })
            let unused = target.dependencies.union(target.products).subtracting(imported)
            #expect(unused.isEmpty, "\(target.name) never imports \(unused.sorted())")
        }
    }

    @Test func `time and chance are arguments of the pure floors`() {
        let words: Set<Substring> = [
            "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator", "Date", "clock_gettime", "getrandom",
            "Hasher", "print", "readLine", "CommandLine",
        ]
        for file in House.sources where Self.isPure(file.target) {
            let found = words.intersection(SwiftText(file.text).words)
            #expect(found.isEmpty, "\(file.path) uses \(found.sorted())")
        }
    }

    @Test func `two plain threads, no actors and no tasks`() {
        let words: Set<Substring> = ["actor", "async", "await", "Task", "withTaskGroup", "TaskGroup"]
        for file in House.sources {
            let found = words.intersection(SwiftText(file.text).words)
            #expect(found.isEmpty, "\(file.path) uses \(found.sorted())")
        }
    }
}
