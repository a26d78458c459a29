/// Why a frame could not be read or made.
public enum ControlProtocolError: Error, Hashable, Sendable {
    /// A field reaches beyond the end.
    case truncated
    /// A frame of more than `ControlLimit.frameBytes`.
    case oversized
    /// Another version of the protocol: command and agent are of different releases.
    case version(UInt8)
    /// No message of this kind.
    case kind(UInt8)
    /// A field has a value that the protocol does not know.
    case value
    /// Bytes behind the last field.
    case trailingBytes
}
