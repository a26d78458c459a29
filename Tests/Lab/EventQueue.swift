internal import CLinux
internal import Glibc
internal import LinuxIO
internal import StateMachine

/// Readiness of many sockets, and the request to end, on one thread.
@safe struct EventQueue: ~Copyable {
    private let epoll: FileDescriptor
    private let signals: FileDescriptor
    private var ready = unsafe [epoll_event](repeating: epoll_event(), count: EventQueue.eventsPerTurn)

    /// Most events handed out by one wait.
    static let eventsPerTurn = 256
    private static let signalToken = UInt64.max

    /// One socket's readiness, under the token it was added with.
    struct Event {
        var token: UInt64
        var isReadable: Bool
        var isWritable: Bool
        /// Whether the socket failed or was closed by the other side.
        var isBroken: Bool
    }

    /// Whether SIGTERM or SIGINT has asked to end.
    private(set) var isAskedToEnd = false

    /// Opens a queue and takes SIGTERM and SIGINT over.
    static func open() throws(LabError) -> EventQueue {
        let queue = EventQueue(epoll: try openEpoll(), signals: try openSignals())
        try queue.watch(queue.signals.rawValue, token: signalToken, writable: false)
        return queue
    }

    private init(epoll: consuming FileDescriptor, signals: consuming FileDescriptor) {
        self.epoll = epoll
        self.signals = signals
    }

    private static func openEpoll() throws(LabError) -> FileDescriptor {
        let number = epoll_create1(0)
        guard number >= 0 else { throw .systemCall("epoll_create1", errno) }
        return FileDescriptor(owning: number)
    }

    private static func openSignals() throws(LabError) -> FileDescriptor {
        var mask = sigset_t()
        _ = unsafe sigemptyset(&mask)
        _ = unsafe sigaddset(&mask, SIGTERM)
        _ = unsafe sigaddset(&mask, SIGINT)
        _ = unsafe sigprocmask(SIG_BLOCK, &mask, nil)
        let number = unsafe signalfd(-1, &mask, Int32(SFD_NONBLOCK))
        guard number >= 0 else { throw .systemCall("signalfd", errno) }
        return FileDescriptor(owning: number)
    }

    /// Adds a socket, or changes what it waits for.
    func watch(_ number: Int32, token: UInt64, writable: Bool) throws(LabError) {
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue | (writable ? EPOLLOUT.rawValue : 0)
        unsafe event.data.u64 = token
        if unsafe epoll_ctl(epoll.rawValue, EPOLL_CTL_ADD, number, &event) == 0 { return }
        guard errno == EEXIST, unsafe epoll_ctl(epoll.rawValue, EPOLL_CTL_MOD, number, &event) == 0 else {
            throw .systemCall("epoll_ctl", errno)
        }
    }

    /// Removes a socket that stays open.
    func forget(_ number: Int32) { _ = epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, number, nil) }

    /// Waits for readiness until a deadline and returns the number of events; see the subscript.
    mutating func wait(until deadline: Instant) throws(LabError) -> Int {
        let span = deadline.since(Clock.now)
        let milliseconds = Int32(min(1_000, (span.nanoseconds + 999_999) / 1_000_000))
        let count = unsafe epoll_wait(epoll.rawValue, &ready, Int32(Self.eventsPerTurn), milliseconds)
        guard count >= 0 else {
            if errno == EINTR { return 0 }
            throw .systemCall("epoll_wait", errno)
        }
        for index in 0..<Int(count) where self[index].token == Self.signalToken { isAskedToEnd = true }
        return Int(count)
    }

    /// One of the events of the last wait.
    subscript(index: Int) -> Event {
        let event = unsafe ready[index]
        return unsafe Event(
            token: event.data.u64,
            isReadable: event.events & EPOLLIN.rawValue != 0,
            isWritable: event.events & EPOLLOUT.rawValue != 0,
            isBroken: event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0)
    }
}
