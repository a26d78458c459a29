internal import Bytes
internal import Conntrack

/// The sources of a link: the number of each, and the way back from a number.
///
/// A number is a keyed hash of address and port, so it is the same whenever the source is heard and nobody can choose
/// one. The way back is kept for `limit` sources: the configured peers, and those heard last.
struct SourceTable {
    /// Sources at most: several times what a link has, so that forged ones need a steady stream to push any out.
    static let limit = 64

    private struct Entry {
        let number: DatagramBatch.Source
        let endpoint: Endpoint
        let isPeer: Bool
        var heard: UInt64
    }

    private let key: SipHash.Key
    private var entries: [Entry] = []
    private var turn: UInt64 = 0
    private var latest = 0
    /// Sources that were forgotten in favour of newer ones.
    private(set) var forgotten = 0

    /// Makes a table of the configured peers.
    init(key: SipHash.Key, peers: [Endpoint]) {
        precondition(peers.count < Self.limit)
        self.key = key
        entries.reserveCapacity(Self.limit)
        for endpoint in peers {
            entries.append(Entry(number: Self.number(of: endpoint, key), endpoint: endpoint, isPeer: true, heard: 0))
        }
    }

    /// The number of a source that was just heard.
    mutating func hear(_ endpoint: Endpoint) -> DatagramBatch.Source {
        turn &+= 1
        // Datagrams of one source come in runs.
        if latest < entries.count, entries[latest].endpoint == endpoint {
            entries[latest].heard = turn
            return entries[latest].number
        }
        if let index = entries.firstIndex(where: { $0.endpoint == endpoint }) {
            latest = index
        } else {
            let entry = Entry(number: Self.number(of: endpoint, key), endpoint: endpoint, isPeer: false, heard: turn)
            if entries.count < Self.limit {
                latest = entries.count
                entries.append(entry)
            } else {
                latest = oldest
                entries[latest] = entry
                forgotten += 1
            }
        }
        entries[latest].heard = turn
        return entries[latest].number
    }

    /// Where a source is; nil if it was never heard or is forgotten.
    func endpoint(of number: DatagramBatch.Source) -> Endpoint? {
        entries.first { $0.number == number }?.endpoint
    }

    /// The number that an endpoint has or would have; never 0.
    static func number(of endpoint: Endpoint, _ key: SipHash.Key) -> DatagramBatch.Source {
        var hash = SipHash(key)
        hash.combine(endpoint.address.high)
        hash.combine(endpoint.address.low)
        hash.combine(UInt64(endpoint.family.rawValue) << 16 | UInt64(endpoint.port))
        return max(hash.finish(), 1)
    }

    /// The place of the source that was silent for longest; peers keep theirs.
    private var oldest: Int {
        var found = entries.count - 1
        var heard = UInt64.max
        for (index, entry) in entries.enumerated() where !entry.isPeer && entry.heard < heard {
            found = index
            heard = entry.heard
        }
        return found
    }
}
