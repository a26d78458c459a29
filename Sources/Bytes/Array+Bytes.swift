extension Array<UInt8> {
    /// Lends the bytes of an array.
    public borrowing func withBytes<Result, Failure: Error>(
        _ body: (borrowing RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let span = unsafe self.span.bytes
        return try body(span)
    }

    /// Copies bytes into an array.
    public init(_ bytes: borrowing RawSpan) {
        self = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }

    /// Overwrites every byte with zero, so that a secret does not stay in freed memory.
    ///
    /// A copy elsewhere is not reached.
    public mutating func wipe() {
        let count = self.count
        unsafe withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: count)
            unsafe Self.keep(UnsafeRawPointer(base))
        }
    }

    /// Uses memory in a way that the optimiser cannot see through: what was written there is written.
    @inline(never) @_optimize(none)
    private static func keep(_ memory: UnsafeRawPointer) {}
}
