import CLinux
import Glibc
import LinuxIO
import StateMachine
import Testing

@testable import Systemd

/// The environment is the process's: one test at a time.
@Suite(.serialized) struct SupervisorTests {
    /// A service manager's end of the notification socket.
    private struct Manager: ~Copyable {
        let number: Int32

        init(_ path: String) {
            number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let number = self.number
            let bound = withUnsafeBytes(of: &address) { form in
                form.baseAddress.map {
                    bind(number, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(form.count))
                }
            }
            precondition(bound == 0)
            setenv("NOTIFY_SOCKET", path, 1)
        }

        deinit {
            unsetenv("NOTIFY_SOCKET")
            close(number)
        }

        func next() -> String? {
            var bytes = [UInt8](repeating: 0, count: 4_096)
            let count = recv(number, &bytes, bytes.count, 0)
            return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
        }
    }

    @Test func `the service manager is told in its own words`() {
        let folder = TemporaryFolder()
        let manager = Manager(folder.path + "/notify")
        Supervisor.notifyReady()
        Supervisor.notifyReloading(at: Instant(nanoseconds: 1_234_567))
        Supervisor.notifyStatus("master\nREADY=0 | lag 3 ms")
        Supervisor.extendTimeout(by: .seconds(5))
        Supervisor.pingWatchdog()
        Supervisor.triggerWatchdog()
        Supervisor.notifyStopping()
        var heard: [String] = []
        while let message = manager.next() { heard.append(message) }
        #expect(
            heard == [
                "READY=1", "RELOADING=1\nMONOTONIC_USEC=1234", "STATUS=master READY=0 | lag 3 ms",
                "EXTEND_TIMEOUT_USEC=5000000", "WATCHDOG=1", "WATCHDOG=trigger", "STOPPING=1",
            ])
    }

    @Test func `without a service manager nothing happens`() {
        Supervisor.notifyReady()
        #expect(Supervisor.watchdogInterval() == nil)
        var sockets = ListenDescriptors()
        let nothing = sockets.take() == nil
        #expect(nothing && sockets.count == 0)
    }

    @Test func `the watchdog's interval is this process's only`() {
        setenv("WATCHDOG_USEC", "30000000", 1)
        setenv("WATCHDOG_PID", String(getpid()), 1)
        let own = Supervisor.watchdogInterval()
        setenv("WATCHDOG_PID", "1", 1)
        let foreign = Supervisor.watchdogInterval()
        unsetenv("WATCHDOG_USEC")
        unsetenv("WATCHDOG_PID")
        #expect(own == .seconds(30) && foreign == nil)
    }
}

@Suite struct JournalTests {
    /// What a journal writes to a descriptor that is not the journal's.
    private func written(_ threshold: Journal.Level, _ body: (Journal) -> Void) -> String {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0)
        body(Journal(threshold: threshold, destination: ends[1], isNative: false))
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
    }

    @Test func `a line has time, level, message and fields`() {
        let line = Journal.line(
            .warning, "the peer is behind", [.init("PEER", "r2"), .init("REASON", "queue full")], at: 1_000_000_000)
        #expect(line == "2001-09-09T01:46:40Z warning: the peer is behind peer=r2 reason=\"queue full\"\n")
    }

    @Test func `nobody's text can look like another entry`() {
        let line = Journal.line(.info, "from a\n2001-01-01 critical: b", [.init("NAME", "x\u{1b}[2J\ny")], at: 0)
        #expect(line.filter { $0 == "\n" }.count == 1 && !line.contains("\u{1b}"))
    }

    @Test func `an entry for the journal carries its fields unchanged`() {
        let entry = Journal.entry(.critical, "two\nlines", [.init("GROUP", "G1")])
        #expect(entry == ["MESSAGE=two\nlines", "PRIORITY=2", "SYSLOG_IDENTIFIER=ctsync-ha", "CTSYNC_GROUP=G1"])
    }

    @Test(arguments: Journal.Level.allCases)
    func `what matters less than the threshold is not written, nor is its text made`(threshold: Journal.Level) {
        var made = 0
        func text() -> String {
            made += 1
            return "x"
        }
        let output = written(threshold) { journal in
            for level in Journal.Level.allCases { journal.write(level, text()) }
        }
        let expected = Journal.Level.allCases.filter { $0.rawValue <= threshold.rawValue }.count
        #expect(made == expected && output.split(separator: "\n").count == expected)
    }

    @Test func `the journal is known by the file it is`() {
        var status = stat()
        #expect(fstat(0, &status) == 0)
        setenv("JOURNAL_STREAM", "\(status.st_dev):\(status.st_ino)", 1)
        #expect(Journal.isJournal(0))
        setenv("JOURNAL_STREAM", "\(status.st_dev):\(status.st_ino + 1)", 1)
        #expect(!Journal.isJournal(0))
        unsetenv("JOURNAL_STREAM")
        #expect(!Journal.isJournal(0))
    }

    @Test(arguments: [
        (UInt64(0), "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_799, "2000-02-29T23:59:59Z"), (1_709_251_199, "2024-02-29T23:59:59Z"),
        (1_709_251_200, "2024-03-01T00:00:00Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (1_767_225_599, "2025-12-31T23:59:59Z"),
    ])
    func `seconds become a date`(seconds: UInt64, text: String) {
        #expect(WallClock.text(of: seconds) == text)
    }
}
