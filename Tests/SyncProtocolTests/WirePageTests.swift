import Conntrack
import Testing

@testable import SyncProtocol

/// Holds the page about the wire against the code.
@Suite struct WirePageTests {
    /// The page beside the sources.
    static let page: String? = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return PageFile.text("/\(root)/Sources/SyncProtocol/SyncProtocol.docc/Wire.md")
    }()

    @Test func `the example of the page is what the code sends`() throws {
        let page = try #require(Self.page)
        let sent = Samples.bytes { writer in
            writer.openInterval(lane: .live, bulk: 2, from: 1000)
            _ = writer.append(Samples.controlled, version: 1003, isReplacement: false)
            _ = writer.append(Samples.expected, version: 1004)
            _ = writer.appendDestroy(Samples.translated.original, version: 1010)
            writer.closeInterval(to: 1010)
        }
        // The lines of the example begin with the bytes, two digits each; a comment follows.
        let block = page.split(separator: "```").last { $0.contains("c7 5e 01") } ?? ""
        let hex = block.split(separator: "\n").flatMap { line in
            line.split(separator: " ").prefix { $0.count == 2 && UInt8($0, radix: 16) != nil }
        }
        #expect(hex.joined(separator: " ") == sent.map(Self.digits).joined(separator: " "))
    }

    @Test(arguments: Message.Kind.allCases)
    func `the page names every kind of message`(kind: Message.Kind) throws {
        let page = try #require(Self.page)
        #expect(page.contains("| \(kind.rawValue) | `\(kind)` |"))
    }

    @Test(arguments: MessageRefusal.allCases)
    func `the page names every reason of a refusal`(refusal: MessageRefusal) throws {
        let page = try #require(Self.page)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.contains { $0.split(separator: "|")[0].contains("`\(refusal)`") })
    }

    private static func digits(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
