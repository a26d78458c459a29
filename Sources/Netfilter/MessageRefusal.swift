/// Why a message of the kernel was not taken; a counter each.
public enum MessageRefusal: UInt8, Error, BitwiseCopyable, Sendable, CaseIterable {
    /// A process sent it, not the kernel.
    case notFromKernel
    /// The datagram was longer than the place it was received into.
    case datagramTooLong
    /// The message ends inside its headers, or says that it is longer than the datagram.
    case truncatedMessage
    /// An attribute ends behind what encloses it, or is shorter than its own header.
    case truncatedAttribute
    /// An attribute has another size than its type demands.
    case attributeSize
    /// Not a message about a flow, or of an unknown message type.
    case notAFlow
    /// Neither IPv4 nor IPv6.
    case unknownFamily
    /// An address is of another family than the message.
    case familyMismatch
    /// There is no original tuple.
    case noOriginal
    /// A tuple without an address, a protocol or the keys of its protocol.
    case incompleteTuple
    /// Original and reply tuple are of different protocols.
    case protocolMismatch
    /// A TCP state that this agent does not know.
    case tcpState
    /// A TCP window scale beyond 14 (RFC 7323, section 2.3).
    case windowScale
}
