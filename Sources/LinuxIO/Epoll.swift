internal import CLinux
internal import Glibc
public import StateMachine

/// The descriptors that one thread waits for (epoll(7)), level-triggered, each under a tag of the caller's choice.
///
/// Waiting is precise to microseconds (epoll_pwait2(2), Linux 5.11), so deadlines need no timer descriptor.
public struct Epoll: ~Copyable, Sendable {
    /// What a descriptor is waited for, or found to be; raw values are those of epoll_ctl(2).
    public struct Conditions: OptionSet, Sendable {
        /// The bits of epoll_ctl(2).
        public let rawValue: UInt32

        /// Makes a set of its bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Something can be read, or someone can be accepted (EPOLLIN).
        public static let readable = Conditions(rawValue: 0x001)
        /// Urgent: what a descriptor of /proc or sysfs reports as changed (EPOLLPRI).
        public static let urgent = Conditions(rawValue: 0x002)
        /// A write would not wait (EPOLLOUT).
        public static let writable = Conditions(rawValue: 0x004)
        /// An error is pending; always waited for (EPOLLERR).
        public static let failed = Conditions(rawValue: 0x008)
        /// The other end is gone; always waited for (EPOLLHUP).
        public static let hungUp = Conditions(rawValue: 0x010)
    }

    /// Why a descriptor could not be waited for.
    public enum Failure: Error, Equatable, Sendable {
        /// A system call failed; ENOSYS at the start means a kernel older than 5.11.
        case system(SystemCallError)
    }

    private let descriptor: FileDescriptor

    /// Opens an empty set, and proves that the kernel can wait precisely.
    public init() throws(Failure) {
        let number = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard number >= 0 else { throw .system(SystemCallError("epoll_create1")) }
        let opened = FileDescriptor(owning: number)
        var none = unsafe epoll_event()
        var timeout = timespec()
        guard unsafe ctsync_epoll_pwait2(number, &none, 1, &timeout) >= 0 else {
            throw .system(SystemCallError("epoll_pwait2"))
        }
        descriptor = opened
    }

    /// Waits for a descriptor from now on; it leaves the set by itself when it is closed.
    public func add(
        _ number: Int32, tag: UInt64, for conditions: Conditions = .readable
    ) throws(Failure) {
        try control(EPOLL_CTL_ADD, number, tag: tag, conditions)
    }

    /// Changes the tag and what a descriptor is waited for.
    public func modify(_ number: Int32, tag: UInt64, for conditions: Conditions) throws(Failure) {
        try control(EPOLL_CTL_MOD, number, tag: tag, conditions)
    }

    /// Waits for a descriptor no longer.
    public func remove(_ number: Int32) throws(Failure) {
        try control(EPOLL_CTL_DEL, number, tag: 0, [])
    }

    /// Waits until a descriptor is ready, the deadline has come or a signal interrupted.
    public func wait(until deadline: Instant) -> ReadyList {
        let number = descriptor.rawValue
        let span = deadline.since(deadline == .never ? deadline : MonotonicClock.now()).nanoseconds
        var timeout = timespec()
        timeout.tv_sec = Int(span / 1_000_000_000)
        timeout.tv_nsec = Int(span % 1_000_000_000)
        return unsafe withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: ReadyList.limit) { events in
            var list = ReadyList()
            let limit = Int32(ReadyList.limit)
            let count =
                if deadline == .never {
                    unsafe ctsync_epoll_pwait2(number, events.baseAddress, limit, nil)
                } else {
                    unsafe ctsync_epoll_pwait2(number, events.baseAddress, limit, &timeout)
                }
            if count < 0 {
                let error = errno
                precondition(error == EINTR, "epoll_pwait2: \(SystemCallError.text(of: error))")
                list.isInterrupted = true
                return list
            }
            for index in 0..<Int(count) {
                let event = unsafe events[index]
                unsafe list.append(tag: event.data.u64, Conditions(rawValue: event.events))
            }
            return list
        }
    }

    private func control(
        _ operation: Int32, _ number: Int32, tag: UInt64, _ conditions: Conditions
    ) throws(Failure) {
        var event = unsafe epoll_event()
        unsafe event.events = conditions.rawValue
        unsafe event.data.u64 = tag
        guard unsafe epoll_ctl(descriptor.rawValue, operation, number, &event) == 0 else {
            throw .system(SystemCallError("epoll_ctl"))
        }
    }
}

/// The descriptors that one wait found ready; the rest is found by the next wait.
public struct ReadyList: Sendable {
    /// A descriptor that is ready.
    public struct Entry: Sendable, BitwiseCopyable {
        /// The tag it was added under.
        public let tag: UInt64
        /// The bits of its conditions.
        let bits: UInt32

        /// What it is ready for.
        public var conditions: Epoll.Conditions { Epoll.Conditions(rawValue: bits) }
    }

    /// Entries at most: more descriptors than either thread keeps, but for a crowd at the control socket.
    public static let limit = 16

    /// Entries in the list.
    public private(set) var count = 0
    /// Whether a signal ended the wait.
    public internal(set) var isInterrupted = false

    private var entries: [16 of Entry] = .init(repeating: Entry(tag: 0, bits: 0))

    /// An entry below `count`.
    public subscript(index: Int) -> Entry {
        precondition(index < count)
        return entries[index]
    }

    mutating func append(tag: UInt64, _ conditions: Epoll.Conditions) {
        entries[count] = Entry(tag: tag, bits: conditions.rawValue)
        count += 1
    }
}
