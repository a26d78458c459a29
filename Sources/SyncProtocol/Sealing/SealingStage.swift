/// How far sealing has come on this node; a running pair goes through the stages one by one, and loses nothing.
///
/// | stage | what is sent | what is taken |
/// |---|---|---|
/// | `off` | open | open, and sealed if the key is here |
/// | `accept` | sealed | sealed and open |
/// | `require` | sealed | sealed |
public enum SealingStage: String, CaseIterable, Sendable {
    case off
    case accept
    case require

    /// Whether what is sent is sealed.
    public var seals: Bool { self != .off }
    /// Whether open datagrams are taken.
    public var takesOpen: Bool { self != .require }
}
