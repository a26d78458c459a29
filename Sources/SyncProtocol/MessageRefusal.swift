internal import Bytes

/// Why one message of a datagram was refused; each case is a counter.
///
/// The messages behind it are still read.
public enum MessageRefusal: UInt8, Error, Sendable, CaseIterable {
    /// A field reaches beyond the message, or the message beyond the datagram.
    case truncated
    /// A number that is too long or out of its range.
    case number
    /// A lane, flag or kind of key that does not exist.
    case flags
    /// A flow without an interval or page before it.
    case place
    /// A TCP state that does not exist.
    case tcpState
    /// A window scale above 14.
    case windowScale
    /// A flow that is its own master, or an expectation that expects its master.
    case master
    /// A timeout of zero, or above what a kernel takes.
    case timeout
    /// Status bits that mean nothing on another node.
    case status
    /// A node name that is empty, too long or not printable ASCII.
    case name
    /// An SCTP state that does not exist.
    case sctpState
    /// A DCCP state or role that does not exist, or a sequence number of more than 48 bits.
    case dccpState
    /// The state of another protocol than the flow's.
    case foreignState
    /// A helper or function of an expectation with a name that is empty, too long or not printable.
    case kernelName
    /// Labels whose length is none of 4, 8, 12 and 16 bytes.
    case labels
    /// A port, or a part of one, on a protocol that has none.
    case key
    /// Addresses of another family than announced, or a protocol that the family does not have.
    case family
}

extension MessageRefusal {
    /// The reason of an error that reading a message threw.
    init(_ error: any Error) {
        switch error {
        case let refusal as MessageRefusal: self = refusal
        case ByteError.integerTooLong: self = .number
        default: self = .truncated
        }
    }
}
