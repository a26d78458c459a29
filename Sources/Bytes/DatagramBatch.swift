/// Datagrams of one turn, in or out: fixed room for a fixed number, reused.
///
/// An edge fills it from the network or empties it there; it never knows what the bytes mean.
@safe public struct DatagramBatch: ~Copyable {
    /// Where a datagram came from, as the link numbers its sources; 0 is unknown.
    public typealias Source = UInt64

    /// Datagrams at most.
    public let limit: Int
    /// Bytes of one datagram at most.
    public let datagramCapacity: Int
    /// Datagrams in the batch.
    public private(set) var count = 0

    private let base: UnsafeMutableRawPointer
    private var sizes: [Int]
    private var sources: [Source]
    private var links: [UInt8]

    /// Allocates room for `limit` datagrams of `datagramCapacity` bytes.
    public init(limit: Int, datagramCapacity: Int) {
        precondition(limit > 0 && datagramCapacity > 0)
        self.limit = limit
        self.datagramCapacity = datagramCapacity
        unsafe base = .allocate(byteCount: limit * datagramCapacity, alignment: 16)
        sizes = Array(repeating: 0, count: limit)
        sources = Array(repeating: 0, count: limit)
        links = Array(repeating: 0, count: limit)
    }

    deinit { unsafe base.deallocate() }

    /// Whether no further datagram fits.
    public var isFull: Bool { count >= limit }

    /// Empties the batch.
    public mutating func removeAll() { count = 0 }

    /// Copies a datagram in; the caller looked at `isFull`, and the datagram fits.
    public mutating func append(_ bytes: borrowing RawSpan, source: Source = 0, link: UInt8 = 0) {
        precondition(!isFull && bytes.byteCount <= datagramCapacity)
        unsafe bytes.withUnsafeBytes { datagram in
            if let start = datagram.baseAddress {
                unsafe (base + count * datagramCapacity).copyMemory(from: start, byteCount: datagram.count)
            }
        }
        sizes[count] = bytes.byteCount
        sources[count] = source
        links[count] = link
        count += 1
    }

    /// Where a datagram came from, or goes to; 0 is everyone on its link.
    public func source(of index: Int) -> Source { sources[index] }

    /// The link that a datagram came over, or goes over.
    public func link(of index: Int) -> UInt8 { links[index] }

    /// Bytes of a datagram.
    public func size(of index: Int) -> Int { sizes[index] }

    /// Lends a datagram.
    public borrowing func withDatagram<Result, Failure: Error>(
        _ index: Int, _ body: (borrowing RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(index < count)
        let span = unsafe RawSpan(
            _unsafeStart: UnsafeRawPointer(base + index * datagramCapacity), byteCount: sizes[index])
        return try body(span)
    }

    /// The memory of the place at `index`, for a system call that fills or sends it.
    @unsafe public borrowing func memory(of index: Int) -> UnsafeMutableRawPointer {
        precondition(index < limit)
        return unsafe base + index * datagramCapacity
    }

    /// Declares that a datagram has another size now: its end was cut off, or written behind by its memory.
    public mutating func resize(_ index: Int, to size: Int) {
        precondition(index < count && size >= 0 && size <= datagramCapacity)
        sizes[index] = size
    }

    /// Overwrites one byte of a datagram.
    public mutating func patch(_ index: Int, _ value: UInt8, at offset: Int) {
        precondition(index < count && offset >= 0 && offset < sizes[index])
        unsafe (base + index * datagramCapacity + offset).storeBytes(of: value, as: UInt8.self)
    }

    /// Copies a datagram over one before it, to close a gap.
    public mutating func move(_ index: Int, to place: Int) {
        precondition(place <= index && index < count)
        guard place < index else { return }
        unsafe (base + place * datagramCapacity).copyMemory(
            from: base + index * datagramCapacity, byteCount: sizes[index])
        sizes[place] = sizes[index]
        sources[place] = sources[index]
        links[place] = links[index]
    }

    /// Forgets the datagrams behind the first `rest`.
    public mutating func keepFirst(_ rest: Int) {
        precondition(rest >= 0 && rest <= count)
        count = rest
    }

    /// Declares that the places behind the batch's end were filled by a system call, from one link.
    public mutating func extend(sizes filled: [Int], sources from: [Source], link: UInt8 = 0) {
        precondition(filled.count <= limit - count && filled.count == from.count)
        for index in filled.indices {
            precondition(filled[index] <= datagramCapacity)
            sizes[count + index] = filled[index]
            sources[count + index] = from[index]
            links[count + index] = link
        }
        count += filled.count
    }
}
