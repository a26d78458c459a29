import ControlProtocol
import FoundationEssentials

/// The control socket's stream, cut into chunks: frames, requests and replies.
///
/// The first byte is the size of a chunk. What is read can be sent again, and what that says can be sent for ever.
enum ControlTarget {
    static func takeRequests(_ bytes: [UInt8]) throws(FuzzFailure) {
        for payload in try payloads(bytes) {
            guard let request = try? ControlRequest(payload: payload) else { continue }
            guard let sent = try? request.frame() else {
                throw FuzzFailure(description: "\(request) cannot be sent")
            }
            let copy = try? ControlRequest(payload: Array(sent.dropFirst(4)))
            try hold(copy == request || isReplaced(sent), "\(request) became \(String(describing: copy))")
        }
    }

    static func takeReplies(_ bytes: [UInt8]) throws(FuzzFailure) {
        for payload in try payloads(bytes) {
            guard let reply = try? ControlReply(payload: payload) else { continue }
            guard let sent = try? reply.frame() else {
                throw FuzzFailure(description: "\(reply) cannot be sent")
            }
            let copy = try? ControlReply(payload: Array(sent.dropFirst(4)))
            try hold(copy == reply || isReplaced(sent), "\(reply) became \(String(describing: copy))")
            try show(reply)
        }
    }

    /// What a command does with a reply.
    private static func show(_ reply: ControlReply) throws(FuzzFailure) {
        let encoder = JSONEncoder()
        do {
            switch reply {
            case .done, .refused, .progress:
                break
            case .status(let report):
                _ = StatusScreen.render(report, now: WallTime(seconds: 1_795_000_000))
                _ = try encoder.encode(report)
            case .preflight(let report):
                _ = PreflightScreen.render(report)
                _ = try encoder.encode(report)
            case .keys(let listing):
                _ = try encoder.encode(listing)
            case .statistics(let report):
                _ = StatisticsScreen.render(report)
            case .flows(let batch):
                for line in batch.lines {
                    _ = FlowTable.render(line) + FlowTable.renderDetails(line)
                    _ = try encoder.encode(line)
                }
            case .expectations(let batch):
                for line in batch.lines {
                    _ = ExpectationTable.render(line) + ExpectationTable.renderDetails(line)
                    _ = try encoder.encode(line)
                }
            }
        } catch {
            throw FuzzFailure(description: "\(reply) has no JSON: \(error)")
        }
    }

    /// The payloads that a stream delivers, whatever its chunks.
    private static func payloads(_ bytes: [UInt8]) throws(FuzzFailure) -> [[UInt8]] {
        guard let first = bytes.first else { return [] }
        let stream = bytes.dropFirst()
        let size = max(1, Int(first))
        var assembler = FrameAssembler()
        var found: [[UInt8]] = []
        var place = stream.startIndex
        while place < stream.endIndex {
            let end = min(place + size, stream.endIndex)
            assembler.append(stream[place..<end])
            place = end
            do {
                while let payload = try assembler.next() { found.append(payload) }
            } catch {
                break
            }
            try hold(
                assembler.pendingCount <= ControlLimit.frameBytes + 4, "\(assembler.pendingCount) bytes wait")
        }
        try hold(found.count <= stream.count / 4, "\(found.count) frames in \(stream.count) bytes")
        return found
    }

    /// Whether a text in it was not UTF-8: what replaces it may be longer than a text may be.
    private static func isReplaced(_ frame: [UInt8]) -> Bool {
        frame.indices.dropLast(2).contains { frame[$0] == 0xef && frame[$0 + 1] == 0xbf && frame[$0 + 2] == 0xbd }
    }

    static var requestSeeds: [[UInt8]] {
        let frames = Sample.requests.compactMap { try? $0.frame() }
        return frames.map { [64] + $0 } + [[3] + frames.flatMap { $0 }]
    }

    static var replySeeds: [[UInt8]] { Sample.replies.compactMap { try? $0.frame() }.map { [255] + $0 } }
}
