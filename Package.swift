// swift-tools-version: 6.3
// ctsync-ha: keeps every connection alive when a firewall fails over.
// The targets stand in floors (CONTRIBUTING.md draws them); a target depends on lower floors only.

import PackageDescription

/// What fuzzers reach.
let fuzzed: [Target.Dependency] = [
    "Bytes", "Configuration", "Conntrack", "ControlProtocol", "Engine", "Failover", "Netfilter", "RoleSources",
    "Simulation", "StateMachine", "SyncProtocol",
]

let package = Package(
    name: "ctsync-ha",
    products: [
        .executable(name: "ctsync-ha", targets: ["ctsync-ha"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        // Floor 0: C headers and shims without logic.
        .target(name: "CLinux"),
        .systemLibrary(
            name: "CNetfilterConntrack", pkgConfig: "libnetfilter_conntrack",
            providers: [.apt(["libnetfilter-conntrack-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),

        // Floor 1: words.
        .target(name: "Bytes"),
        .target(name: "StateMachine"),
        .target(name: "Conntrack", dependencies: ["Bytes"]),

        // Floor 2: pure machines.
        .target(name: "Failover", dependencies: ["StateMachine"]),
        .target(
            name: "Replication",
            dependencies: [
                "Bytes", "Conntrack", "StateMachine", .product(name: "DequeModule", package: "swift-collections"),
            ]),
        .target(name: "SyncProtocol", dependencies: ["Bytes", "Conntrack", "StateMachine"]),
        .target(name: "Configuration", dependencies: ["Conntrack", "StateMachine"]),
        .target(name: "ControlProtocol", dependencies: ["Bytes", "Conntrack"]),

        // Floor 3: one turn of the loop, and the edges beside it.
        .target(
            name: "Engine",
            dependencies: [
                "Bytes", "Conntrack", "Failover", "Replication", "StateMachine", "SyncProtocol",
            ]),
        .target(name: "LinuxIO", dependencies: ["Bytes", "CLinux", "StateMachine"]),
        .target(
            name: "Netfilter",
            dependencies: ["Bytes", "CLinux", "Conntrack", "LinuxIO", "StateMachine"]),
        .target(
            name: "SyncTransport",
            dependencies: [
                "Bytes", "CLinux", "Conntrack", "LinuxIO", "StateMachine",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(
            name: "RoleSources", dependencies: ["Bytes", "Conntrack", "LinuxIO", "StateMachine"]),
        .target(name: "Systemd", dependencies: ["CSystemd", "LinuxIO", "StateMachine"]),

        // Floor 4: the shell.
        .target(
            name: "Agent",
            dependencies: [
                "Bytes", "Configuration", "Conntrack", "ControlProtocol", "Engine", "Failover", "LinuxIO",
                "Netfilter", "RoleSources", "StateMachine", "SyncProtocol", "SyncTransport", "Systemd",
            ]),

        // Floor 5: the command.
        .executableTarget(
            name: "ctsync-ha",
            dependencies: [
                "Agent", "Bytes", "Configuration", "Conntrack", "ControlProtocol", "LinuxIO", "StateMachine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // Test support: the traffic of the two-router lab (Examples/two-routers, Tests/failover).
        .executableTarget(
            name: "lab",
            dependencies: [
                "Bytes", "CLinux", "CNetfilterConntrack", "Conntrack", "LabSupport", "LinuxIO", "Netfilter",
                "StateMachine", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Lab"),

        // What of the benchmark is no script: the floor, and the results as a table, JSON and a chart.
        .executableTarget(
            name: "benchmark",
            dependencies: [
                "Bytes", "LabSupport", "LinuxIO", "StateMachine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Benchmarks",
            exclude: [
                "live-changes-beside-a-bulk.sh", "measurement.sh", "replication.sh", "run", "silence.sh", "takeover.sh",
            ]),

        // Tests of the words and the pure machines: no kernel, no privileges.
        .testTarget(name: "BytesTests", dependencies: ["Bytes"]),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "Conntrack", "StateMachine"]),
        .testTarget(name: "ConntrackTests", dependencies: ["Conntrack"]),
        .testTarget(name: "FailoverTests", dependencies: ["Failover", "StateMachine"]),

        .testTarget(
            name: "AgentTests",
            dependencies: [
                "Agent", "Bytes", "Configuration", "Conntrack", "ControlProtocol", "Engine", "Simulation",
                "StateMachine", "SyncProtocol", "SyncTransport", "Systemd",
            ]),

        // Tests of the edges that need no privileges: loopback and unix sockets.
        .testTarget(
            name: "EdgeTests",
            dependencies: [
                "Bytes", "CLinux", "Conntrack", "LinuxIO", "RoleSources", "StateMachine", "SyncTransport", "Systemd",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(
            name: "NetfilterTests",
            dependencies: ["Bytes", "Conntrack", "LabSupport", "Netfilter"]),

        // What kernel tests and the lab share, and the tests that need root and a kernel with ctnetlink.
        .target(
            name: "LabSupport",
            dependencies: ["Bytes", "CLinux", "CNetfilterConntrack", "Conntrack", "LinuxIO", "Netfilter"],
            path: "Tests/LabSupport"),
        .testTarget(
            name: "KernelTests",
            dependencies: [
                "Bytes", "CLinux", "Conntrack", "LabSupport", "LinuxIO", "Netfilter", "RoleSources", "StateMachine",
                "SyncTransport",
            ]),
        .testTarget(name: "ReplicationTests", dependencies: ["Bytes", "Conntrack", "Replication", "StateMachine"]),
        .testTarget(name: "AttributeTests", dependencies: ["Bytes", "Conntrack", "ControlProtocol", "SyncProtocol"]),
        .testTarget(name: "SyncProtocolTests", dependencies: ["Bytes", "Conntrack", "StateMachine", "SyncProtocol"]),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "Bytes", "Conntrack", "Engine", "Failover", "Simulation", "StateMachine", "SyncProtocol",
            ]),

        // Several real engines over simulated kernels, a faulty link and virtual time. Run in release.
        .target(
            name: "Simulation",
            dependencies: ["Bytes", "Conntrack", "Engine", "Failover", "StateMachine", "SyncProtocol"],
            path: "Tests/Simulation"),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Conntrack", "Engine", "Failover", "Simulation", "StateMachine", "SyncProtocol"]),

        // What fuzzers run: on seeds and kept findings here, and driven by libFuzzer below.
        .testTarget(
            name: "FuzzTests", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["Kept", "Program", "run"]),

        // Fails when the house is built wrong: floors, imports, hygiene.
        .testTarget(name: "HouseTests"),
        .testTarget(name: "ControlProtocolTests", dependencies: ["Bytes", "Conntrack", "ControlProtocol"]),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers' program is the same files with another front: libFuzzer brings its `main`, so that only Tests/Fuzz/run,
// which sets the variable, can link it.
if Context.environment["CTSYNC_FUZZ"] != nil {
    package.targets.removeAll { $0.name == "FuzzTests" }
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["Kept", "Suite", "run"]))
}

/// What every Swift target is built with.
let houseRules: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
for target in package.targets where target.type != .system && target.name != "CLinux" {
    target.swiftSettings = (target.swiftSettings ?? []) + houseRules
    // The product says `unsafe` where it is; what `#expect` expands to cannot.
    if target.type != .test { target.swiftSettings?.append(.strictMemorySafety()) }
}
