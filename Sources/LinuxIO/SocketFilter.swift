internal import CLinux
internal import Glibc

/// A program of the kernel's classic packet filter, which looks at a datagram before it is queued.
///
/// Jumps go forwards only; offsets count the instructions that are skipped (Documentation/networking/filter.rst).
public struct SocketFilter: Sendable, Equatable {
    /// Instructions of a program at most (BPF_MAXINSNS).
    public static let limit = 4_096

    /// One instruction, as the kernel takes it (struct sock_filter).
    public struct Instruction: Sendable, Equatable {
        public var code: UInt16
        public var jumpIfTrue: UInt8
        public var jumpIfFalse: UInt8
        public var operand: UInt32

        /// Makes an instruction.
        public init(_ code: UInt16, _ operand: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0) {
            self.code = code
            self.operand = operand
            jumpIfTrue = ifTrue
            jumpIfFalse = ifFalse
        }
    }

    public var instructions: [Instruction] = []

    /// Makes an empty program, which no kernel takes.
    public init() {}
}

extension NetlinkSocket {
    /// Puts a filter before the receive queue, in the place of an earlier one.
    ///
    /// What it drops costs no wake-up and no room, and is no overrun.
    public func attach(_ filter: SocketFilter) throws(NetlinkError) {
        var code = filter.instructions.map {
            sock_filter(code: $0.code, jt: $0.jumpIfTrue, jf: $0.jumpIfFalse, k: $0.operand)
        }
        let number = rawValue
        let size = unsafe socklen_t(MemoryLayout<sock_fprog>.size)
        let result = unsafe code.withUnsafeMutableBufferPointer { code in
            var program = unsafe sock_fprog(len: UInt16(clamping: code.count), filter: code.baseAddress)
            return unsafe setsockopt(number, SOL_SOCKET, SO_ATTACH_FILTER, &program, size)
        }
        guard result == 0 else { throw .failed(.attachFilter, errno: Glibc.errno) }
    }
}
