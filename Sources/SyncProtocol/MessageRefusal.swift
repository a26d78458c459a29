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
    /// A TCP state that does not exist, or one on another protocol.
    case tcpState
    /// A window scale above 14.
    case windowScale
    /// A flow that is its own master, or a master of another family.
    case master
    /// A timeout of zero, or above what a kernel takes.
    case timeout
    /// Status bits that mean nothing on another node.
    case status
    /// A node name that is empty or too long.
    case name
}
