internal import Failover
internal import LinuxIO

/// The file whose number keepalived adds to this node's priority (`track_file`, weight 1), so that the freshest wins.
///
/// keepalived hears of each change within milliseconds, and takes a file that is gone for 0.
struct ReadinessFile {
    let path: String

    /// The level that a master's last run has published, for a run that begins where it broke off.
    ///
    /// Any other level is found again soon enough: none of them keeps a master in office.
    func kept() -> Readiness.Level? {
        guard let text = try? SmallFile.readText(path, limit: 16) else { return nil }
        return Int(text) == Readiness.Level.master.trackFileValue ? .master : nil
    }

    /// Publishes a level; false if the file could not be written.
    func publish(_ level: Readiness.Level) -> Bool {
        do {
            try SmallFile.replace(path, with: "\(level.trackFileValue)\n", mode: 0o644)
            return true
        } catch {
            return false
        }
    }
}
