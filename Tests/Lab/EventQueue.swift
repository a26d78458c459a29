internal import LinuxIO
internal import StateMachine

/// Readiness of many sockets, and the request to end, on one thread.
struct EventQueue: ~Copyable {
    private let epoll: Epoll
    private let signals: SignalDescriptor
    private var ready: ReadyList

    private static let signalTag = UInt64.max

    /// Whether SIGTERM, SIGINT or SIGHUP has asked to end.
    private(set) var isAskedToEnd = false

    /// Opens a queue and takes the signals that ask to end over.
    static func open() throws(LabError) -> EventQueue {
        let queue = EventQueue(epoll: try openEpoll(), signals: try openSignals())
        try queue.watch(queue.signals.rawValue, tag: signalTag, writable: false)
        return queue
    }

    private init(epoll: consuming Epoll, signals: consuming SignalDescriptor) {
        ready = epoll.wait(until: .origin)
        self.epoll = epoll
        self.signals = signals
    }

    private static func openEpoll() throws(LabError) -> Epoll {
        do { return try Epoll() } catch { throw LabError(error) }
    }

    private static func openSignals() throws(LabError) -> SignalDescriptor {
        do { return try SignalDescriptor() } catch { throw .system(error) }
    }

    /// Waits for a socket from now on, until it closes.
    func watch(_ number: Int32, tag: UInt64, writable: Bool) throws(LabError) {
        do { try epoll.add(number, tag: tag, for: Self.conditions(writable)) } catch { throw LabError(error) }
    }

    /// Changes what a socket is waited for.
    func change(_ number: Int32, tag: UInt64, writable: Bool) throws(LabError) {
        do { try epoll.modify(number, tag: tag, for: Self.conditions(writable)) } catch { throw LabError(error) }
    }

    /// Removes a socket that stays open.
    func forget(_ number: Int32) throws(LabError) {
        do { try epoll.remove(number) } catch { throw LabError(error) }
    }

    private static func conditions(_ writable: Bool) -> Epoll.Conditions {
        writable ? [.readable, .writable] : .readable
    }

    /// Waits for readiness until a deadline and returns the number of events; see the subscript.
    mutating func wait(until deadline: Instant) -> Int {
        ready = epoll.wait(until: deadline)
        for index in 0..<ready.count where ready[index].tag == Self.signalTag { isAskedToEnd = true }
        return ready.count
    }

    /// One of the events of the last wait.
    subscript(index: Int) -> ReadyList.Entry { ready[index] }
}

extension LabError {
    init(_ failure: Epoll.Failure) {
        switch failure {
        case .system(let error): self = .system(error)
        }
    }
}

extension ReadyList.Entry {
    /// Whether something can be read.
    var isReadable: Bool { conditions.contains(.readable) }
    /// Whether a write would not wait.
    var isWritable: Bool { conditions.contains(.writable) }
    /// Whether the socket failed or was closed by the other side.
    var isBroken: Bool { !conditions.isDisjoint(with: [.failed, .hungUp]) }
}
