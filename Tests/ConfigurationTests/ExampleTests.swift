import Configuration
import FoundationEssentials
import Testing

/// The configurations that people copy.
@Suite struct ExampleTests {
    private static let folder =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/") + "/Examples"

    static let paths: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .map { "\($0)/ctsync-ha.conf" }.filter { FileManager.default.fileExists(atPath: folder + "/" + $0) }.sorted()

    @Test func `there are examples`() {
        #expect(Self.paths == ["pair/ctsync-ha.conf", "three-nodes/ctsync-ha.conf", "two-links/ctsync-ha.conf"])
    }

    @Test(arguments: paths)
    func `an example is valid without a warning`(path: String) throws {
        let reading = read(try String(contentsOfFile: Self.folder + "/" + path, encoding: .utf8))
        #expect(reading.problems == [])
        #expect(reading.configuration?.nodeName == "r1")
        let links = reading.configuration?.links ?? []
        let peers = links.map { link in if case .unicast(let peers) = link.destination { peers.count } else { 0 } }
        let expected = ["pair": [1], "two-links": [1, 0], "three-nodes": [2, 0]]
        #expect(peers == expected[path.split(separator: "/").first.map(String.init) ?? ""])
    }
}
