internal import Conntrack

extension ControlRequest {
    private enum Kind: UInt8 {
        case status = 1
        case statistics, cache, table, notify, role, commit, flush, resync, bulk, purge, reset, preflight
        case key = 20
    }

    private var kind: Kind {
        switch self {
        case .status: .status
        case .statistics: .statistics
        case .cache: .cache
        case .table: .table
        case .notify: .notify
        case .role: .role
        case .commit: .commit
        case .flush: .flush
        case .resync: .resync
        case .bulk: .bulk
        case .purge: .purge
        case .reset: .reset
        case .preflight: .preflight
        case .key: .key
        }
    }

    /// The request as a frame for the stream.
    public func frame() throws(ControlProtocolError) -> [UInt8] {
        try ControlFrame.make(kind: kind.rawValue) { body in
            switch self {
            case .status, .statistics, .commit, .bulk, .purge, .preflight: break
            case .cache(let name, let content):
                body.put(choice: name)
                body.put(choice: content)
            case .table(let family):
                body.put(byte: family?.rawValue ?? 0)
            case .notify(let notification):
                body.put(notification)
            case .role(let order, let group):
                body.put(choice: order)
                body.put(group)
            case .flush(let target):
                body.put(choice: target)
            case .resync(let source):
                body.put(choice: source)
            case .reset(let name):
                body.put(choice: name)
            case .key(let order):
                body.put(order)
            }
        }
    }

    /// Reads a payload that a `FrameAssembler` delivered.
    public init(payload: [UInt8]) throws(ControlProtocolError) {
        var (number, body) = try ControlFrame.open(payload)
        guard let kind = Kind(rawValue: number) else { throw .kind(number) }
        switch kind {
        case .status: self = .status
        case .statistics: self = .statistics
        case .cache: self = .cache(try body.choice(), try body.choice())
        case .table:
            let family = try body.byte()
            guard family == 0 || AddressFamily(rawValue: family) != nil else { throw .value }
            self = .table(AddressFamily(rawValue: family))
        case .notify: self = .notify(try body.value())
        case .role: self = .role(try body.choice(), group: try body.optionalText())
        case .commit: self = .commit
        case .flush: self = .flush(try body.choice())
        case .resync: self = .resync(try body.choice())
        case .bulk: self = .bulk
        case .purge: self = .purge
        case .reset: self = .reset(try body.choice())
        case .preflight: self = .preflight
        case .key: self = .key(try body.value())
        }
        try body.finish()
    }
}
