internal import CLinux
internal import Glibc

/// The kernel's view of one receive or send of several datagrams (recvmmsg(2), sendmmsg(2)), made once and reused.
@safe struct MessageVectors: ~Copyable {
    /// Datagrams of one system call at most: where the gain of a longer call ends, at 64 a send.
    static let limit = 64
    /// Bytes of ancillary data at most: packet information of IPv6 takes 40.
    static let controlSize = 64

    let headers: UnsafeMutablePointer<ctsync_mmsghdr>
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutableRawPointer
    private let controls: UnsafeMutableRawPointer

    init() {
        unsafe headers = .allocate(capacity: Self.limit)
        unsafe vectors = .allocate(capacity: Self.limit)
        unsafe names = .allocate(byteCount: Self.limit * Endpoint.memorySize, alignment: 8)
        unsafe controls = .allocate(byteCount: Self.limit * Self.controlSize, alignment: 8)
        unsafe vectors.initialize(repeating: iovec(), count: Self.limit)
        unsafe headers.initialize(repeating: ctsync_mmsghdr(), count: Self.limit)
        for index in 0..<Self.limit {
            unsafe headers[index].msg_hdr.msg_iov = vectors + index
            unsafe headers[index].msg_hdr.msg_iovlen = 1
            unsafe headers[index].msg_hdr.msg_name = name(index)
        }
    }

    deinit {
        unsafe controls.deallocate()
        unsafe names.deallocate()
        unsafe vectors.deallocate()
        unsafe headers.deallocate()
    }

    /// The memory of a message's address.
    @unsafe func name(_ index: Int) -> UnsafeMutableRawPointer { unsafe names + index * Endpoint.memorySize }

    /// The memory of a message's ancillary data.
    @unsafe func control(_ index: Int) -> UnsafeMutableRawPointer { unsafe controls + index * Self.controlSize }

    /// Points a message at its bytes.
    @unsafe func setBytes(_ index: Int, _ memory: UnsafeMutableRawPointer, count: Int) {
        unsafe vectors[index].iov_base = memory
        unsafe vectors[index].iov_len = count
    }

    /// Makes a message ready to be received.
    func prepareToReceive(_ index: Int) {
        unsafe headers[index].msg_hdr.msg_namelen = socklen_t(Endpoint.memorySize)
        unsafe headers[index].msg_hdr.msg_control = control(index)
        unsafe headers[index].msg_hdr.msg_controllen = Self.controlSize
        unsafe headers[index].msg_hdr.msg_flags = 0
    }
}
