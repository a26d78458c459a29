/// How much may travel over the control socket at once.
public enum ControlLimit {
    /// Bytes of a frame behind its length: room for a full batch of flows.
    public static let frameBytes = 320 << 10
    /// Bytes of one text; a longer one is cut by the sender.
    public static let textBytes = 4096
    /// Elements of one list; further ones are left out by the sender.
    public static let listCount = 1024
    /// Flows or expectations of one batch: even with every attribute they fit a frame.
    public static let batchFlows = 1024
}
