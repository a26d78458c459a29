internal import CLinux
internal import Glibc

/// Runs code on a thread of its own inside a network namespace: a namespace belongs to a thread, never to a task.
public enum NetworkNamespace {
    /// CLONE_NEWNET of sched.h, which only shows it to GNU sources.
    private static let newNetwork: Int32 = 0x4000_0000

    /// Why the namespace could not be had.
    public enum Failure: Error, Equatable {
        case thread(errno: Int32)
        case unshare(errno: Int32)
        case open(errno: Int32)
        case enter(errno: Int32)
        case command(String, status: Int32)
    }

    /// Runs in a new namespace with loopback up; it goes when the thread and what the body opened are gone.
    public static func withNew<Result>(_ body: @escaping () throws -> Result) throws -> Result {
        try onThread {
            guard ctsync_unshare(newNetwork) == 0 else { throw Failure.unshare(errno: errno) }
            try Command.run("ip", "link", "set", "lo", "up")
            return try body()
        }
    }

    /// Runs in a namespace that `ip netns add` made.
    public static func with<Result>(named name: String, _ body: @escaping () throws -> Result) throws -> Result {
        try onThread {
            let number = unsafe open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
            guard number >= 0 else { throw Failure.open(errno: errno) }
            defer { _ = close(number) }
            guard ctsync_setns(number, newNetwork) == 0 else { throw Failure.enter(errno: errno) }
            return try body()
        }
    }

    private static func onThread<Result>(_ body: @escaping () throws -> Result) throws -> Result {
        let work = Work { try body() }
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Work>.fromOpaque(argument).takeUnretainedValue().run()
                }
                return nil
            }, Unmanaged.passUnretained(work).toOpaque())
        guard code == 0 else { throw Failure.thread(errno: code) }
        pthread_join(thread, nil)
        guard let outcome = work.outcome, let result = try outcome.get() as? Result else {
            throw Failure.thread(errno: 0)
        }
        return result
    }

    /// What the thread runs and what came of it; the joining thread reads it after the end only.
    private final class Work {
        private let body: () throws -> Any
        private(set) var outcome: Swift.Result<Any, any Error>?

        init(_ body: @escaping () throws -> Any) { self.body = body }

        func run() { outcome = Swift.Result { try body() } }
    }
}
