public import Bytes
internal import CLinux
internal import Glibc
internal import StateMachine

extension DatagramLink {
    /// What became of a batch that was sent.
    public struct SendResult: Equatable, Sendable {
        /// Datagrams that the kernel took; one to several peers counts once for each.
        public internal(set) var sent = 0
        /// Datagrams that did not leave, for the reasons in `counters`; one to several peers counts once for each.
        public internal(set) var dropped = 0
        /// Whether the send queue was full, so that sending on at once is in vain.
        public internal(set) var isQueueFull = false
    }

    /// Sends the datagrams of a batch that go over this link: each to its `source`, or to the whole audience where that
    /// is 0.
    ///
    /// What does not leave now never will: the protocol above repairs it.
    ///
    /// - Parameter number: the link's number in the batch; nil takes all for its own.
    public mutating func send(_ batch: borrowing DatagramBatch, as number: UInt8? = nil) -> SendResult {
        var result = SendResult()
        var waiting = 0
        for index in 0..<batch.count {
            if let number, batch.link(of: index) != number { continue }
            let source = batch.source(of: index)
            if source != 0 {
                if let endpoint = sources.endpoint(of: source) {
                    enqueue(batch, index, endpoint, &waiting, &result)
                } else {
                    counters.count(.unknownDestination)
                    traffic.sendErrors &+= 1
                    result.dropped += 1
                }
            } else {
                for place in audience.indices { enqueue(batch, index, audience[place], &waiting, &result) }
            }
        }
        flush(&waiting, &result)
        return result
    }

    private mutating func enqueue(
        _ batch: borrowing DatagramBatch, _ index: Int, _ endpoint: Endpoint, _ waiting: inout Int,
        _ result: inout SendResult
    ) {
        unsafe sending.setBytes(waiting, batch.memory(of: index), count: batch.size(of: index))
        unsafe sending.headers[waiting].msg_hdr.msg_namelen =
            endpoint.store(into: sending.name(waiting), interface: device.index)
        unsafe sending.headers[waiting].msg_hdr.msg_controllen = controlLength
        waiting += 1
        if waiting == MessageVectors.limit { flush(&waiting, &result) }
    }

    private mutating func flush(_ waiting: inout Int, _ result: inout SendResult) {
        var next = 0
        while next < waiting, !result.isQueueFull {
            let taken = unsafe ctsync_sendmmsg(
                rawValue, sending.headers + next, UInt32(waiting - next), Int32(MSG_DONTWAIT))
            if taken > 0 {
                for index in next..<next + Int(taken) {
                    traffic.sentBytes &+= unsafe UInt64(sending.headers[index].msg_len)
                }
                traffic.sentDatagrams &+= UInt64(taken)
                result.sent += Int(taken)
                next += Int(taken)
                continue
            }
            let error = errno
            if error == EINTR { continue }
            if error == EAGAIN {
                result.isQueueFull = true
                break
            }
            // The call stops at the first datagram that fails; the rest may still leave.
            counters.count(Self.reason(error))
            traffic.sendErrors &+= 1
            result.dropped += 1
            next += 1
        }
        let left = waiting - next
        if left > 0 {
            counters.count(.sendQueueFull, by: left)
            traffic.sendErrors &+= UInt64(left)
            result.dropped += left
        }
        waiting = 0
    }

    private static func reason(_ error: Int32) -> LinkCounter {
        switch error {
        case ENOBUFS, ENOMEM: .deviceQueueFull
        case EMSGSIZE: .tooLongToSend
        case ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, EADDRNOTAVAIL: .unreachable
        case ENETDOWN, ENODEV, ENXIO: .interfaceDown
        case EPERM, EACCES: .refusedLocally
        default: .sendFailed
        }
    }
}
