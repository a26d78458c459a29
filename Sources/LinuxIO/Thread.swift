internal import CLinux
internal import Glibc

/// A thread of the system with a name; joined by its owner, or left to itself when the owner goes.
public struct Thread: ~Copyable, Sendable {
    /// Why no thread was started.
    public enum Failure: Error, Equatable, Sendable {
        case system(SystemCallError)
    }

    private let handle: pthread_t

    /// Starts a thread that runs `body` once; what the closure captured belongs to that thread alone.
    ///
    /// - Parameter name: shown by ps(1) and top(1); the kernel keeps its first 15 bytes.
    public init(name: String, _ body: consuming sending @escaping () -> Void) throws(Failure) {
        let errand = unsafe Unmanaged.passRetained(Errand(name: name, body: body))
        var handle = pthread_t()
        let result = unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Errand>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, errand.toOpaque())
        guard result == 0 else {
            unsafe errand.release()
            throw .system(SystemCallError("pthread_create", errno: result))
        }
        self.handle = handle
    }

    deinit { pthread_detach(handle) }

    /// Waits until the thread has ended.
    public consuming func join() {
        let handle = self.handle
        discard self
        _ = pthread_join(handle, nil)
    }

    /// What the new thread takes over from the old.
    private final class Errand {
        let name: String
        let body: () -> Void

        init(name: String, body: @escaping () -> Void) {
            self.name = name
            self.body = body
        }

        func run() {
            let visible = String(decoding: name.utf8.prefix(15), as: UTF8.self)
            _ = unsafe ctsync_name_thread(visible)
            body()
        }
    }
}
