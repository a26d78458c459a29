internal import CLinux
internal import Glibc

/// The reused memory that a netlink socket receives into: a fixed number of datagrams of a fixed size.
@safe public struct NetlinkInbox: ~Copyable {
    /// Datagrams of one receive at most.
    public let limit: Int
    /// Bytes of one datagram at most; a longer one is marked as truncated.
    public let datagramCapacity: Int
    /// Datagrams of the last receive.
    public private(set) var count = 0

    private let memory: UnsafeMutableRawPointer
    private let headers: UnsafeMutablePointer<ctsync_mmsghdr>
    private let vectors: UnsafeMutablePointer<iovec>
    private let senders: UnsafeMutablePointer<sockaddr_nl>

    /// Allocates room for `limit` datagrams of `datagramCapacity` bytes; untouched pages cost nothing.
    public init(limit: Int, datagramCapacity: Int) {
        precondition(limit > 0 && datagramCapacity > 0)
        self.limit = limit
        self.datagramCapacity = datagramCapacity
        unsafe memory = .allocate(byteCount: limit * datagramCapacity, alignment: 16)
        unsafe headers = .allocate(capacity: limit)
        unsafe vectors = .allocate(capacity: limit)
        unsafe senders = .allocate(capacity: limit)
        for index in 0..<limit {
            unsafe senders.advanced(by: index).initialize(to: sockaddr_nl())
            unsafe vectors.advanced(by: index).initialize(
                to: iovec(iov_base: memory + index * datagramCapacity, iov_len: datagramCapacity))
            unsafe headers.advanced(by: index).initialize(to: ctsync_mmsghdr())
            unsafe headers[index].msg_hdr.msg_name = UnsafeMutableRawPointer(senders + index)
            unsafe headers[index].msg_hdr.msg_iov = vectors + index
            unsafe headers[index].msg_hdr.msg_iovlen = 1
        }
    }

    deinit {
        unsafe senders.deallocate()
        unsafe vectors.deallocate()
        unsafe headers.deallocate()
        unsafe memory.deallocate()
    }

    /// Forgets the datagrams.
    public mutating func removeAll() { count = 0 }

    /// Whether a datagram was longer than its place; what is there is its beginning.
    public func isTruncated(_ index: Int) -> Bool {
        precondition(index < count)
        return unsafe headers[index].msg_hdr.msg_flags & Int32(MSG_TRUNC) != 0
    }

    /// Whether the kernel sent a datagram; another process with CAP_NET_ADMIN could have.
    public func isFromKernel(_ index: Int) -> Bool {
        precondition(index < count)
        return unsafe senders[index].nl_pid == 0
    }

    /// Bytes of a datagram.
    public func size(of index: Int) -> Int {
        precondition(index < count)
        return unsafe min(Int(headers[index].msg_len), datagramCapacity)
    }

    /// Lends a datagram.
    public borrowing func withDatagram<Result, Failure: Error>(
        _ index: Int, _ body: (borrowing RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(index < count)
        let start = unsafe UnsafeRawPointer(memory + index * datagramCapacity)
        let span = unsafe RawSpan(_unsafeStart: start, byteCount: size(of: index))
        return try body(span)
    }

    /// Receives without waiting; the number of datagrams, or the negative errno.
    mutating func fill(from descriptor: Int32, atMost: Int) -> Int {
        let wanted = min(atMost, limit)
        for index in 0..<wanted {
            unsafe headers[index].msg_hdr.msg_namelen = socklen_t(MemoryLayout<sockaddr_nl>.size)
            unsafe headers[index].msg_hdr.msg_flags = 0
        }
        count = 0
        while true {
            let received = unsafe ctsync_recvmmsg(
                descriptor, headers, UInt32(wanted), Int32(MSG_DONTWAIT))
            if received < 0, errno == EINTR { continue }
            guard received >= 0 else { return -Int(errno) }
            count = Int(received)
            return count
        }
    }
}
