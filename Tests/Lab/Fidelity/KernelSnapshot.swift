internal import Glibc
internal import LabSupport

/// All flows and expectations of a namespace's kernel at one moment.
struct KernelSnapshot {
    /// The flows, then the expectations.
    let entries: [KernelEntry]
    /// When the dump began, in seconds of the monotonic clock.
    let taken: Double

    /// Dumps the tables of this thread's namespace.
    init() throws {
        var tap = try MessageTap(groups: [])
        try self.init(through: &tap)
    }

    /// Dumps the tables of this thread's namespace, and has each message compared.
    init(through tap: inout MessageTap) throws {
        taken = Self.seconds()
        entries = try tap.dump().compactMap { message in
            // NFNL_SUBSYS_CTNETLINK is 1, the expectations' is 2.
            message.bytes[5] == 1 ? LibraryFlow(message.bytes)?.entry : LibraryExpectation(message.bytes)?.entry
        }
    }

    /// The monotonic clock.
    static func seconds() -> Double {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
