import Testing

@Suite struct SwiftTextTests {
    @Test func `comments, strings and raw identifiers are no code`() {
        let text = SwiftText(
            """
            let a = "try! \\(name("x")) unsafe" // unsafe
            /* unsafe */ func `an unsafe name`() {}
            unsafe b()
            """)
        #expect(text.words.filter { $0 == "unsafe" }.count == 1)
        #expect(text.code.split(separator: "\n").count == 3)
        #expect(!text.code.contains("try!"))
    }

    @Test func `imports are found with and without their access level`() {
        let text = SwiftText(
            """
            public import StateMachine
            internal import Bytes
            @testable import Conntrack
            import Glibc
            import struct Crypto.AES
            // import Foundation
            """)
        #expect(text.imports == ["StateMachine", "Bytes", "Conntrack", "Glibc", "Crypto"])
    }

    @Test func `targets and their dependencies are read`() {
        let manifest = Manifest(
            """
            .target(name: "A"),
            // .target(name: "Z"),
            .executableTarget(
                name: "b-c",
                dependencies: [
                    "A", .product(name: "P", package: "q"),
                    "D",
                ]),
            .systemLibrary(name: "S", providers: [.apt(["s-dev"])]),
            """)
        #expect(manifest.targets.map(\.name) == ["A", "b-c", "S"])
        #expect(manifest["b-c"]?.dependencies == ["A", "D"])
        #expect(manifest["b-c"]?.products == ["P"])
    }

    @Test func `the rules refuse what they are there to refuse`() {
        #expect(!FloorTests.mayDepend("Bytes", on: "Failover"))
        #expect(!FloorTests.mayDepend("Engine", on: "Netfilter"))
        #expect(!FloorTests.mayDepend("Engine", on: "CLinux"))
        #expect(!FloorTests.mayDepend("Failover", on: "Conntrack"))
        #expect(!FloorTests.mayDepend("SyncTransport", on: "SyncProtocol"))
        #expect(!FloorTests.mayDepend("LinuxIO", on: "Netfilter"))
        #expect(FloorTests.mayDepend("Netfilter", on: "LinuxIO"))
        #expect(FloorTests.mayDepend("Agent", on: "Engine"))
    }
}
