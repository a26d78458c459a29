internal import Bytes
internal import Conntrack
internal import Glibc
internal import LabSupport
internal import LinuxIO

/// All flows and expectations of a namespace's kernel at one moment.
struct KernelSnapshot {
    /// The flows, then the expectations.
    var entries: [KernelEntry] = []
    /// The messages that they were read from.
    var messages: [[UInt8]] = []
    /// When the dump began, in seconds of the monotonic clock.
    var taken: Double = 0

    /// Subsystem and message numbers of nfnetlink (nfnetlink.h, nfnetlink_conntrack.h): IPCTNL_MSG_CT_GET and
    /// IPCTNL_MSG_EXP_GET.
    private static let requests: [UInt16] = [1 << 8 | 1, 2 << 8 | 1]

    /// Dumps the tables of a namespace.
    static func taken(in namespace: String) throws -> KernelSnapshot {
        try NetworkNamespace.with(named: namespace) { try taken() }
    }

    /// Dumps the tables of this thread's namespace.
    static func taken() throws(NetlinkError) -> KernelSnapshot {
        var snapshot = KernelSnapshot()
        snapshot.taken = seconds()
        for request in requests { snapshot.messages += try dump(request) }
        snapshot.entries = snapshot.messages.compactMap(entry)
        return snapshot
    }

    /// Reads one message by libnetfilter_conntrack.
    private static func entry(_ message: [UInt8]) -> KernelEntry? {
        message[5] == 1 ? LibraryFlow(message)?.entry : LibraryExpectation(message)?.entry
    }

    private static func dump(_ type: UInt16) throws(NetlinkError) -> [[UInt8]] {
        var socket = try NetlinkSocket(.netfilter)
        try socket.setReceiveBuffer(bytes: 1 << 22)
        try socket.bind()
        var request = ByteWriter(capacity: 20)
        request.appendNative(UInt32(20))
        request.appendNative(type)
        // NLM_F_REQUEST | NLM_F_DUMP
        request.appendNative(UInt16(0x301))
        for _ in 0..<3 { request.appendNative(UInt32(0)) }
        try request.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
        var inbox = NetlinkInbox(limit: 1, datagramCapacity: 1 << 16)
        var messages: [[UInt8]] = []
        while true {
            guard case .datagrams = try socket.receive(into: &inbox) else {
                usleep(1000)
                continue
            }
            let bytes = inbox.withDatagram(0) { [UInt8]($0) }
            for message in split(bytes) {
                // NLMSG_DONE or NLMSG_ERROR ends the dump.
                if message[5] == 0 { return messages }
                messages.append(message)
            }
        }
    }

    /// The netlink messages of a datagram, each with its header.
    static func split(_ datagram: [UInt8]) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var rest = datagram[...]
        while rest.count >= 16 {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            guard length >= 16, length <= rest.count else { break }
            messages.append(Array(rest.prefix(length)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return messages
    }

    /// The monotonic clock.
    static func seconds() -> Double {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
