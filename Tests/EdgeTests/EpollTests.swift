import Glibc
import LinuxIO
import StateMachine
import Testing

@Suite struct EpollTests {
    @Test func `a wake-up from another thread ends the wait and names its tag`() throws {
        let epoll = try Epoll()
        let wake = try EventDescriptor()
        let idle = try EventDescriptor()
        try epoll.add(wake.rawValue, tag: 7)
        try epoll.add(idle.rawValue, tag: 8)
        let number = wake.rawValue
        let thread = try Thread(name: "ctsync-test") { eventfd_signal(number) }
        let ready = epoll.wait(until: MonotonicClock.now() + .seconds(10))
        thread.join()
        #expect(ready.count == 1)
        #expect(ready[0].tag == 7 && ready[0].conditions == .readable)
        let first = wake.drain()
        let second = wake.drain()
        #expect(first && !second)
    }

    @Test(arguments: [UInt64(0), 200, 700, 3_000])
    func `a deadline is met in microseconds and never early`(wait: UInt64) throws {
        let epoll = try Epoll()
        // The best of several waits: the machine may be busy, but it cannot make a coarse clock precise.
        var best = UInt64.max
        for _ in 0..<20 {
            let deadline = MonotonicClock.now() + .microseconds(wait)
            let ready = epoll.wait(until: deadline)
            let end = MonotonicClock.now()
            #expect(ready.count == 0 && !ready.isInterrupted && end >= deadline)
            best = min(best, end.since(deadline).nanoseconds)
        }
        #expect(best < 500_000)
    }

    @Test func `an instant in the past does not wait`() throws {
        let epoll = try Epoll()
        let before = MonotonicClock.now()
        let ready = epoll.wait(until: .origin)
        #expect(ready.count == 0)
        #expect(MonotonicClock.now().since(before) < .seconds(1))
    }

    @Test func `a removed descriptor is silent, a modified one speaks of what was asked`() throws {
        let epoll = try Epoll()
        let event = try EventDescriptor()
        try epoll.add(event.rawValue, tag: 1)
        event.signal()
        try epoll.modify(event.rawValue, tag: 2, for: .writable)
        let asked = epoll.wait(until: .origin)
        #expect(asked.count == 1 && asked[0].tag == 2 && asked[0].conditions == .writable)
        try epoll.remove(event.rawValue)
        let removed = epoll.wait(until: .origin)
        #expect(removed.count == 0)
    }

    @Test func `one wait reports no more than its limit, and the next one the rest stays possible`() throws {
        let epoll = try Epoll()
        var pipes: [Int32] = []
        for tag in 0..<UInt64(ReadyList.limit + 4) {
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            pipes += ends
            try epoll.add(ends[1], tag: tag, for: .writable)
        }
        defer { for number in pipes { close(number) } }
        var seen: Set<UInt64> = []
        for _ in 0..<4 {
            let ready = epoll.wait(until: .origin)
            #expect(ready.count <= ReadyList.limit)
            for index in 0..<ready.count { seen.insert(ready[index].tag) }
        }
        #expect(seen.count == ReadyList.limit + 4)
    }

    @Test func `a descriptor that is not open is an error`() throws {
        let epoll = try Epoll()
        #expect(throws: Epoll.Failure.system(SystemCallError("epoll_ctl", errno: EBADF))) {
            try epoll.add(1_000_000, tag: 1)
        }
    }

    /// What `EventDescriptor.signal` does, for a thread that does not own the descriptor.
    private func eventfd_signal(_ number: Int32) {
        var one: UInt64 = 1
        _ = write(number, &one, 8)
    }
}
