/// Which helpers' expectations a node replicates (`expect-sync`).
public enum HelperSelection: Equatable, Sendable {
    case all
    case none
    case named(Set<KernelName>)

    /// Whether the expectations of this helper take part.
    public func accepts(_ helper: KernelName) -> Bool {
        switch self {
        case .all: true
        case .none: false
        case .named(let names): names.contains(helper)
        }
    }
}
