import Glibc
import LinuxIO
import StateMachine
import Testing

@Suite struct SmallFileTests {
    @Test func `a replaced file has the new content and mode, and nothing is left beside it`() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/state"
        try SmallFile.replace(path, with: "one\n")
        try SmallFile.replace(path, with: "two\n", mode: 0o644)
        let text = try SmallFile.readText(path)
        #expect(text == "two")
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o644)
        #expect(access(path + ".new", F_OK) != 0)
    }

    @Test func `a link at the temporary name is not followed`() throws {
        let folder = TemporaryFolder()
        try SmallFile.replace(folder.path + "/victim", with: "whole")
        #expect(symlink(folder.path + "/victim", folder.path + "/state.new") == 0)
        try SmallFile.replace(folder.path + "/state", with: "new")
        let victim = try SmallFile.readText(folder.path + "/victim")
        #expect(victim == "whole")
    }

    @Test func `a missing file, one that is too large and one of /proc are told apart`() throws {
        let folder = TemporaryFolder()
        #expect(throws: SmallFile.ReadFailure.missing) { try SmallFile.read(folder.path + "/none") }
        try SmallFile.replace(folder.path + "/ten", with: "0123456789")
        let whole = try SmallFile.read(folder.path + "/ten", limit: 10)
        #expect(whole.count == 10)
        #expect(throws: SmallFile.ReadFailure.tooLarge) { try SmallFile.read(folder.path + "/ten", limit: 9) }
        let status = try SmallFile.readText("/proc/self/stat")
        #expect(status.hasPrefix("\(getpid()) "))
    }

    @Test func `a folder that is missing fails with the call's name`() {
        #expect(throws: SmallFile.ReplaceFailure.system(SystemCallError("open", errno: ENOENT))) {
            try SmallFile.replace("/tmp/ctsync-ha-no-such-folder/state", with: "x")
        }
        #expect(SystemCallError("open", errno: ENOENT).description == "open: No such file or directory")
    }
}

@Suite struct ThreadTests {
    @Test func `a thread has its name, cut to fifteen bytes, and join waits for its end`() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/name"
        let thread = try Thread(name: "ctsync-data-thread") {
            let name = (try? SmallFile.readText("/proc/thread-self/comm")) ?? "unreadable"
            try? SmallFile.replace(path, with: name)
        }
        thread.join()
        let name = try SmallFile.readText(path)
        #expect(name == "ctsync-data-thr")
    }
}

@Suite struct ClockTests {
    @Test func `the one clock goes on and the calendar is past the first day of this program`() {
        let first = MonotonicClock.now()
        let second = MonotonicClock.now()
        #expect(second >= first && first > .origin)
        #expect(WallClock.seconds() > 1_600_000_000)
        #expect(WallClock.nanoseconds() / 1_000_000_000 >= WallClock.seconds() - 1)
    }

    @Test func `words of chance differ`() {
        #expect(Set(KernelRandom.words(64)).count == 64)
    }
}

@Suite struct SignalDescriptorTests {
    @Test(arguments: SignalDescriptor.Signal.allCases)
    func `a signal to the thread is read, once, and kills nobody`(signal: SignalDescriptor.Signal) throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/seen"
        // On a thread of its own, since the mask that blocks the signals belongs to the thread.
        let thread = try Thread(name: "signals") {
            guard let signals = try? SignalDescriptor() else { return }
            pthread_kill(pthread_self(), signal.rawValue)
            let seen = [signals.next(), signals.next()].map { $0.map { String($0.rawValue) } ?? "none" }
            try? SmallFile.replace(path, with: seen.joined(separator: " "))
        }
        thread.join()
        let seen = try SmallFile.readText(path)
        #expect(seen == "\(signal.rawValue) none")
    }
}
