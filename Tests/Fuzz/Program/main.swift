import Glibc

// The program that libFuzzer drives; Tests/Fuzz/run builds it, since nothing else links libFuzzer.
//
// The environment chooses: CTSYNC_FUZZ_TARGET is the target's name; CTSYNC_FUZZ_SEEDS is a folder that gets the
// target's seeds, and CTSYNC_FUZZ_WORDS a file that gets its dictionary; nothing is run then.

/// libFuzzer's entrance (compiler-rt, FuzzerDriver.cpp); Swift passes these arguments as C does.
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutableRawPointer,
    _ take: @convention(c) (UnsafeRawPointer?, Int) -> Int32
) -> Int32

enum Fuzzer {
    static let target: FuzzTarget = {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
        guard let target = FuzzTarget(rawValue: variable("CTSYNC_FUZZ_TARGET") ?? "") else {
            fatalError("CTSYNC_FUZZ_TARGET is none of: \(names)")
        }
        return target
    }()

    static func variable(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }

    private static func write(_ bytes: [UInt8], to path: String) {
        guard let file = unsafe fopen(path, "w") else { fatalError("\(path) cannot be written") }
        let written = unsafe bytes.withUnsafeBytes { unsafe fwrite($0.baseAddress, 1, $0.count, file) }
        guard unsafe fclose(file) == 0, written == bytes.count else { fatalError("\(path) cannot be written") }
    }

    static func run() -> Int32 {
        if let folder = variable("CTSYNC_FUZZ_SEEDS"), let words = variable("CTSYNC_FUZZ_WORDS") {
            for (number, seed) in target.seeds.enumerated() { write(seed, to: "\(folder)/seed-\(number)") }
            write(target.words.flatMap { Array("\"\($0)\"\n".utf8) }, to: words)
            return 0
        }
        var count = CommandLine.argc
        var arguments = unsafe CommandLine.unsafeArgv
        return unsafe runFuzzer(&count, &arguments, takeInput)
    }
}

func takeInput(_ start: UnsafeRawPointer?, _ count: Int) -> Int32 {
    do {
        try Fuzzer.target.take(unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count)))
    } catch {
        fatalError("\(Fuzzer.target.rawValue): \(error)")
    }
    return 0
}

exit(Fuzzer.run())
