internal import CSystemd
internal import Glibc
public import LinuxIO
public import StateMachine

/// What the agent tells its supervisor, the service manager (sd_notify(3)); without one, nothing happens.
public enum Supervisor {
    /// Says that the agent serves: the sockets are bound and the first dump is done.
    public static func notifyReady() { notify("READY=1") }

    /// Says that the configuration is being read again; `notifyReady` ends it.
    public static func notifyReloading(at now: Instant) {
        notify("RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1_000)")
    }

    /// Says that the agent is on its way out.
    public static func notifyStopping() { notify("STOPPING=1") }

    /// Replaces the line that `systemctl status` shows; line breaks become spaces, since a break ends the field.
    public static func notifyStatus(_ text: String) { notify("STATUS=\(singleLine(text))") }

    /// Asks for more time than the unit grants to start or stop, counted from now.
    public static func extendTimeout(by span: Instant.Span) {
        notify("EXTEND_TIMEOUT_USEC=\(span.nanoseconds / 1_000)")
    }

    /// Says that the agent is alive; owed more often than `watchdogInterval`, by the loop that does the work.
    public static func pingWatchdog() { notify("WATCHDOG=1") }

    /// Has the agent treated as hung, because it found out itself that it is.
    public static func triggerWatchdog() { notify("WATCHDOG=trigger") }

    /// The time after which a silent agent is killed; nil if nobody watches (sd_watchdog_enabled(3)).
    public static func watchdogInterval() -> Instant.Span? {
        var microseconds: UInt64 = 0
        guard unsafe sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(microseconds)
    }

    private static func notify(_ state: String) { _ = unsafe sd_notify(0, state) }

    static func singleLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }
}

/// The sockets that the service manager opened for the agent (sd_listen_fds(3)), each taken once.
public struct ListenDescriptors: ~Copyable {
    private var next = Int32(SD_LISTEN_FDS_START)
    private var end: Int32

    /// Takes the descriptors over; child processes are not told of them any more.
    public init() { end = Int32(SD_LISTEN_FDS_START) + max(0, sd_listen_fds(1)) }

    /// Descriptors that are left.
    public var count: Int { Int(end - next) }

    /// Takes the next descriptor, in the order of the socket unit; nil when none is left.
    public mutating func take() -> FileDescriptor? {
        guard next < end else { return nil }
        defer { next += 1 }
        return FileDescriptor(owning: next)
    }

    deinit {
        for number in next..<end { _ = close(number) }
    }
}
