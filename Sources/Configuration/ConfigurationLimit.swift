/// How much text a configuration may be; far above any sensible file, far below what could hurt.
public enum ConfigurationLimit {
    /// Bytes of one file.
    public static let fileBytes = 1 << 20
    /// Files of one configuration, includes counted each time.
    public static let files = 64
    /// Blocks inside each other.
    public static let nesting = 16
    /// Bytes of one word.
    public static let wordBytes = 1024
    /// Links of one agent: more than any node has cables for.
    public static let links = 8
    /// Peers on one link: eight nodes are the most that the wire is made for.
    public static let peers = 7
    /// Key files of one agent.
    public static let keyFiles = 8
    /// Problems that are reported; further ones are left out.
    public static let problems = 100
}
