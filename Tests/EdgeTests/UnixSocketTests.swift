import Bytes
import CLinux
import Glibc
import LinuxIO
import StateMachine
import Testing

@Suite struct UnixSocketTests {
    @Test func `bytes go both ways and the kernel says who is there`() throws {
        let folder = TemporaryFolder()
        let listener = try UnixListener(path: folder.path + "/control.sock")
        let client = try UnixConnection.connect(to: folder.path + "/control.sock", timeout: .seconds(5))
        let accepted = try listener.accept()
        let nobody = try listener.accept() == nil
        #expect(nobody)
        guard let server = accepted else {
            Issue.record("the connection does not wait to be accepted")
            return
        }
        let peer = try server.peer()
        #expect(peer == UnixConnection.Peer(processID: getpid(), userID: getuid(), groupID: getgid()))

        var received: [UInt8] = []
        let early = try server.read(into: &received, limit: 16)
        #expect(early == .wouldBlock)
        let question: [UInt8] = [1, 2, 3, 4, 5]
        let sent = try client.write(question.span.bytes, from: 1)
        #expect(sent == .moved(4))
        let first = try server.read(into: &received, limit: 3)
        let second = try server.read(into: &received, limit: 16)
        #expect(first == .moved(3) && second == .moved(1) && received == [2, 3, 4, 5])
        client.finishWriting()
        let end = try server.read(into: &received, limit: 16)
        #expect(end == .closed)
    }

    @Test func `a write into a full stream would block, one to a dead end is closed`() throws {
        let folder = TemporaryFolder()
        let listener = try UnixListener(path: folder.path + "/s")
        let client = try UnixConnection.connect(to: folder.path + "/s", timeout: .seconds(5))
        guard let server = try listener.accept() else {
            Issue.record("the connection does not wait to be accepted")
            return
        }
        let block = [UInt8](repeating: 7, count: 65_536)
        var outcome = UnixConnection.Outcome.moved(0)
        for _ in 0..<1_000 where outcome != .wouldBlock { outcome = try server.write(block.span.bytes) }
        #expect(outcome == .wouldBlock)
        _ = consume client
        let after = try server.write(block.span.bytes)
        #expect(after == .closed)
    }

    @Test func `a blocking client gives up after its timeout`() throws {
        let folder = TemporaryFolder()
        let listener = try UnixListener(path: folder.path + "/s")
        let client = try UnixConnection.connect(to: folder.path + "/s", timeout: .milliseconds(30))
        let before = MonotonicClock.now()
        var nothing: [UInt8] = []
        let outcome = try client.read(into: &nothing, limit: 1)
        #expect(outcome == .wouldBlock)
        #expect(MonotonicClock.now().since(before) >= .milliseconds(20))
        _ = listener.rawValue
    }

    @Test func `the file of a dead process is replaced`() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/s"
        try bindForeignSocket(path, listening: false)
        #expect(access(path, F_OK) == 0)
        let listener = try UnixListener(path: path)
        let client = try UnixConnection.connect(to: path, timeout: .seconds(5))
        #expect(client.rawValue != listener.rawValue)
    }

    @Test func `a second agent on the path is told so and harms nothing`() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/s"
        let listener = try UnixListener(path: path)
        #expect(throws: UnixListener.Failure.inUse) { _ = try UnixListener(path: path) }
        let client = try UnixConnection.connect(to: path, timeout: .seconds(5))
        #expect(client.rawValue != listener.rawValue)
    }

    @Test func `another program that listens on the path keeps it`() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/s"
        let foreign = try bindForeignSocket(path, listening: true)
        defer { close(foreign) }
        #expect(throws: UnixListener.Failure.inUse) { _ = try UnixListener(path: path) }
        #expect(access(path, F_OK) == 0)
    }

    @Test func `a file that is no socket is left alone`() throws {
        let folder = TemporaryFolder()
        try SmallFile.replace(folder.path + "/s", with: "precious")
        #expect(throws: UnixListener.Failure.notASocket) { _ = try UnixListener(path: folder.path + "/s") }
        let content = try SmallFile.readText(folder.path + "/s")
        #expect(content == "precious")
    }

    @Test func `the file goes with its owner, unless it is another's by then`() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/s"
        do {
            let listener = try UnixListener(path: path)
            _ = listener.rawValue
        }
        #expect(access(path, F_OK) != 0)
        do {
            let listener = try UnixListener(path: path)
            unlink(path)
            try SmallFile.replace(path, with: "another's")
            _ = listener.rawValue
        }
        #expect(access(path, F_OK) == 0)
    }

    @Test(arguments: [UInt32(0o600), 0o660, 0o666])
    func `the file has the mode and group that were asked for`(mode: UInt32) throws {
        let folder = TemporaryFolder()
        let listener = try UnixListener(path: folder.path + "/s", mode: mode, group: String(getgid()))
        var status = stat()
        #expect(lstat(folder.path + "/s", &status) == 0)
        #expect(status.st_mode & 0o777 == mode && status.st_gid == getgid())
        _ = listener.rawValue
    }

    @Test func `a group that nobody knows is named`() {
        #expect(throws: UnixListener.Failure.unknownGroup("no-such-group")) {
            _ = try UnixListener(path: "/tmp/never", group: "no-such-group")
        }
        #expect(UnixGroup.number(of: "root") == 0)
    }

    @Test(arguments: [(107, true), (108, false)])
    func `a path of 107 bytes is the longest`(length: Int, works: Bool) throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/" + String(repeating: "s", count: length - folder.path.utf8.count - 1)
        if works {
            let listener = try UnixListener(path: path)
            #expect(access(path, F_OK) == 0)
            _ = listener.rawValue
        } else {
            #expect(throws: UnixListener.Failure.unusablePath) { _ = try UnixListener(path: path) }
        }
    }

    @Test func `a path without a listener says that nobody listens`() throws {
        let folder = TemporaryFolder()
        #expect(throws: UnixConnection.ConnectFailure.nobodyListens) {
            _ = try UnixConnection.connect(to: folder.path + "/s", timeout: .seconds(1))
        }
        try bindForeignSocket(folder.path + "/s", listening: false)
        #expect(throws: UnixConnection.ConnectFailure.nobodyListens) {
            _ = try UnixConnection.connect(to: folder.path + "/s", timeout: .seconds(1))
        }
    }

    /// Binds a socket without any lock; one that does not listen is closed, and its file is stale.
    @discardableResult private func bindForeignSocket(_ path: String, listening: Bool) throws -> Int32 {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, size) }
        }
        try #require(bound == 0)
        if listening { try #require(listen(number, 1) == 0) } else { close(number) }
        return number
    }
}
