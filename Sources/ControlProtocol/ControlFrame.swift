internal import Bytes

/// The envelope of a message: four bytes of length (big-endian, of what follows), version, kind, body.
enum ControlFrame {
    /// The version that this release speaks.
    static let version: UInt8 = 1
    /// Bytes of the length.
    static let prefixBytes = 4

    /// Makes a frame of a kind and a body.
    static func make(
        kind: UInt8, _ writeBody: (inout BodyWriter) -> Void
    ) throws(ControlProtocolError) -> [UInt8] {
        var body = BodyWriter()
        body.put(byte: version)
        body.put(byte: kind)
        writeBody(&body)
        guard let payload = body.bytes else { throw .oversized }
        let count = UInt32(payload.count)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + payload
    }

    /// Opens the payload of a frame: everything behind its length.
    static func open(_ payload: [UInt8]) throws(ControlProtocolError) -> (kind: UInt8, body: BodyReader) {
        var body = BodyReader(payload)
        let version = try body.byte()
        guard version == Self.version else { throw .version(version) }
        return (try body.byte(), body)
    }
}

/// Puts frames together from the chunks in which a stream delivers them.
///
/// After a thrown error the stream has no frame boundary any more: close it.
public struct FrameAssembler: Sendable {
    private var buffer: [UInt8] = []
    /// Where the next frame begins in the buffer.
    private var start = 0

    /// Makes an assembler for a new stream.
    public init() {}

    /// Bytes that wait for the rest of their frame.
    public var pendingCount: Int { buffer.count - start }

    /// Takes in what was read; ask for frames after each chunk, so that one frame and one chunk is all that waits.
    public mutating func append(_ chunk: some Collection<UInt8>) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: chunk)
    }

    /// Wipes what was read and handed on: a secret may have been in it.
    public mutating func wipe() {
        let rest = Array(buffer[start...])
        buffer.wipe()
        buffer = rest
        start = 0
    }

    /// The payload of the next whole frame, for `ControlRequest(payload:)` or `ControlReply(payload:)`; nil if the
    /// stream has not delivered it yet.
    public mutating func next() throws(ControlProtocolError) -> [UInt8]? {
        guard pendingCount >= ControlFrame.prefixBytes else { return nil }
        let count = buffer[start..<start + ControlFrame.prefixBytes].reduce(0) { $0 << 8 | Int($1) }
        guard count <= ControlLimit.frameBytes else { throw .oversized }
        let first = start + ControlFrame.prefixBytes
        guard buffer.count - first >= count else { return nil }
        start = first + count
        return Array(buffer[first..<start])
    }
}
