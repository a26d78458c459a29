/// The helpers whose expectations are replicated.
public enum HelperSelection: Sendable, Equatable {
    case all
    case none
    case named(Set<KernelName>)

    /// Whether the expectations of a helper are replicated.
    ///
    /// A name stands for the helper on further ports too, which the kernel numbers: `ftp` for `ftp-2121`
    /// (nf_ct_helper_init, nf_conntrack_helper.c).
    public func accepts(_ helper: KernelName) -> Bool {
        switch self {
        case .all: true
        case .none: false
        case .named(let names): names.contains(helper) || names.contains(helper.withoutNumber)
        }
    }
}

extension KernelName {
    /// The name without a hyphen and digits at its end; none if nothing stands before them, or there are none.
    fileprivate var withoutNumber: KernelName {
        let bytes = (0..<count).map { self[$0] }
        guard let hyphen = bytes.lastIndex(of: UInt8(ascii: "-")), hyphen + 1 < bytes.count,
            bytes[(hyphen + 1)...].allSatisfy({ (0x30...0x39).contains($0) })
        else { return .none }
        return KernelName(bytes: bytes[..<hyphen]) ?? .none
    }
}
