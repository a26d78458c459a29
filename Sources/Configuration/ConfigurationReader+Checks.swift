internal import Conntrack

extension ConfigurationReader {
    /// Checks what only the whole shows, and returns the configuration; it counts only if there is no error.
    mutating func finish() -> AgentConfiguration {
        if acceptsAllProtocols { draft.acceptedProtocols = nil }
        finishExpectSync()
        if !nodeNameIsSaid, !Self.isPlainName(draft.nodeName) {
            error(
                FilePosition(path, 1, 1), "this machine's name `\(draft.nodeName)` is no node name",
                remedy: "write `node-name NAME`")
        }
        if draft.manager == .none {
            warn(
                FilePosition(path, 1, 1),
                "no sync group is followed: the role is backup until `ctsync-ha role` is called",
                remedy: "write `failover-mechanism { vrrp { sync-group NAME } }`")
        }
        finishLinks()
        if let position = sealingPosition, draft.sealing != .off, draft.keyFiles.isEmpty {
            error(
                position, "nothing can be sealed without a key",
                remedy: "make one with `ctsync-ha key new PATH`, and write `key-file PATH`")
        }
        return draft
    }
}
