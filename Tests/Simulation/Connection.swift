public import Conntrack
public import StateMachine

/// A connection between two hosts beyond the nodes; it knows nothing of who forwards it.
public struct Connection {
    /// What it does next.
    enum Stage: Int, Comparable {
        case opening
        case answered
        case live
        case closing
        case closed
        case over

        static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
    }

    /// The flow as the tracker has it after the last packet; its reply is what the peers expect.
    public internal(set) var flow: Flow
    var stage = Stage.opening
    var sourceNAT: Address?
    /// Packets that are still to go, while it is live.
    var packetsLeft: Int
    /// Microseconds between two of them.
    var pace: ClosedRange<Int>
    var position: UInt64
    /// Since when no packet has passed; nil if the last one did.
    var stalledSince: Instant?
    /// When both directions were seen and it became assured.
    public internal(set) var assuredAt: Instant?
    /// What its hosts noticed.
    public internal(set) var breakage: String?

    /// Changes that the mark of one connection can count.
    private static let stampLimit: UInt32 = 1 << 14

    /// The first mark of a connection: its number, and behind that a count of its changes.
    ///
    /// So of two marks of one tuple the greater is the newer.
    static func stamp(_ index: Int) -> UInt32 { UInt32(index + 1) * stampLimit }

    /// The connection that a mark tells of; 0 is none.
    static func number(of mark: UInt32) -> UInt32 { mark / stampLimit }

    /// Whether packets go to and fro, and its hosts would notice a loss.
    public var isLive: Bool { stage == .live && assuredAt != nil && breakage == nil }
    /// Whether a packet of it may come any time.
    var isCarried: Bool { stage < .closed && breakage == nil }

    /// The flow as the tracker has it after the next packet.
    var next: (flow: Flow, stage: Stage) {
        var told = flow
        let tcp = told.tcp
        switch stage {
        case .opening:
            return (told, .answered)
        case .answered:
            told.status.insert(.seenReply)
            if tcp != nil {
                guard tcp?.state == .synSent else {
                    told.status.insert(.assured)
                    told.tcp?.state = .established
                    return (told, .live)
                }
                told.tcp?.state = .synReceived
                told.tcp?.replyFlags = [.windowScale, .sackPermitted]
                told.tcp?.replyScale = 7
                return (told, .answered)
            }
            if told.original.protocol == .udp { told.status.insert(.assured) }
            return (told, .live)
        case .live:
            guard packetsLeft <= 0 else { return (told, .live) }
            guard tcp != nil else { return (told, .closed) }
            told.tcp?.state = .finWait
            told.tcp?.originalFlags.insert(.closeInit)
            return (told, .closing)
        case .closing:
            switch tcp?.state {
            case .finWait: told.tcp?.state = .closeWait
            case .closeWait: told.tcp?.state = .lastACK
            default: told.tcp?.state = .timeWait
            }
            return (told, told.tcp?.state == .timeWait ? .closed : .closing)
        case .closed, .over:
            return (told, .over)
        }
    }
}
