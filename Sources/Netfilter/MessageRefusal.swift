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
    /// Original tuple, reply tuple and protocol state are not of one protocol.
    case protocolMismatch
    /// A TCP state that this agent does not know.
    case tcpState
    /// A TCP window scale beyond 14 (RFC 7323, section 2.3).
    case windowScale
    /// An SCTP state that this agent does not know.
    case sctpState
    /// A DCCP state that this agent does not know.
    case dccpState
    /// A DCCP role that is neither client nor server.
    case dccpRole
    /// A DCCP sequence number of more than 48 bits (RFC 4340, section 7).
    case handshakeSequence
    /// A helper's name that is empty, longer than 15 bytes, or not printable ASCII.
    case helperName
    /// Labels that are longer than 128 bits, or no whole number of 32-bit words.
    case labelsSize
    /// Not a message about an expectation, or of an unknown message type.
    case notAnExpectation
    /// An expectation without its tuple, its mask or its master, or a translation without direction or tuple.
    case incompleteExpectation
    /// Flags of an expectation beyond the eight that the kernel has room for.
    case expectationFlags
    /// A translation in a direction that is neither original nor reply.
    case translationDirection
    /// A function's name that is empty, longer than 31 bytes, or not printable ASCII.
    case functionName
}
