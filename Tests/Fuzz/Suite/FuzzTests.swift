import FoundationEssentials
import Testing

/// The fuzzers' targets on their seeds and on every input that once found something.
@Suite struct FuzzTests {
    /// A file of `Kept`: hexadecimal digits, `#` begins a comment; the name begins with the target's.
    struct Kept: Sendable, CustomTestStringConvertible {
        let name: String
        let target: FuzzTarget
        let bytes: [UInt8]

        var testDescription: String { name }

        static let all: [Kept] = {
            let folder =
                #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
                .joined(separator: "/") + "/Kept"
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return names.filter { $0.hasSuffix(".hex") }.sorted().compactMap { name in
                // The longest name that fits: one target's name may begin like another's.
                let fitting = FuzzTarget.allCases.filter { name.hasPrefix($0.rawValue + "-") }
                let target = fitting.max { $0.rawValue.count < $1.rawValue.count }
                guard let target, let text = try? String(contentsOfFile: folder + "/" + name, encoding: .utf8) else {
                    return nil
                }
                let digits = text.split(separator: "\n").filter { $0.first != "#" }.joined()
                    .compactMap(\.hexDigitValue)
                let bytes = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
                return Kept(name: name, target: target, bytes: bytes)
            }
        }()
    }

    @Test(arguments: FuzzTarget.allCases)
    func `the seeds of a target hold, and so do their beginnings`(target: FuzzTarget) throws {
        let seeds = target.seeds
        #expect(!seeds.isEmpty)
        for seed in seeds {
            try target.take(seed)
            for count in [0, 1, seed.count / 2, max(seed.count - 1, 0)] { try target.take(Array(seed.prefix(count))) }
        }
    }

    @Test(arguments: Kept.all)
    func `what a fuzzer found holds now`(kept: Kept) throws {
        try kept.target.take(kept.bytes)
    }
}
