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
    /// Key files of one agent.
    public static let keyFiles = 8
    /// Problems that are reported; further ones are left out.
    public static let problems = 100
}
