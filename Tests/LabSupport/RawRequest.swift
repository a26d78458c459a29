internal import Bytes
internal import LinuxIO

/// One request to ctnetlink, made of bytes, for what the agent itself would never ask.
public enum RawRequest {
    /// Sends a request in this thread's namespace and waits for its answer.
    ///
    /// - Parameters:
    ///   - type: subsystem << 8 | message.
    ///   - flags: NLM_F_* beside REQUEST and ACK.
    ///   - family: AF_INET is 2, AF_INET6 10.
    /// - Returns: the errno that the kernel answered, 0 if it did what was asked.
    public static func send(
        _ type: UInt16, flags: UInt16 = 0, family: UInt8 = 2, _ attributes: [[UInt8]]
    ) throws -> Int32 {
        let payload = attributes.flatMap { $0 }
        var request = ByteWriter(capacity: payload.count + 20)
        request.appendNative(UInt32(payload.count + 20))
        request.appendNative(type)
        // NLM_F_REQUEST and NLM_F_ACK.
        request.appendNative(flags | 0x05)
        request.appendNative(UInt32(1))
        request.appendNative(UInt32(0))
        request.append(family)
        request.append(UInt8(0))
        request.append(UInt16(0))
        payload.withBytes { request.append($0) }
        var socket = try NetlinkSocket(.netfilter)
        try socket.bind()
        try request.withBytes { bytes throws(NetlinkError) in try socket.send(bytes) }
        var inbox = NetlinkInbox(limit: 1, datagramCapacity: 4_096)
        guard case .datagrams = try socket.receive(into: &inbox) else { throw NetlinkError.failed(.receive, errno: 0) }
        return try inbox.withDatagram(0) { bytes in
            var cursor = ByteCursor(bytes)
            try cursor.skip(16)
            return 0 &- Int32(bitPattern: try cursor.readNativeUInt32(bytes))
        }
    }
}
