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
}
