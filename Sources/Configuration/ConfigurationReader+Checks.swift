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
        checkLink()
        if let position = sealingPosition, draft.sealing != .off, draft.keyFiles.isEmpty {
            error(
                position, "nothing can be sealed without a key",
                remedy: "make one with `ctsync-ha key new PATH`, and write `key-file PATH`")
        }
        return draft
    }

    private mutating func checkLink() {
        guard let interface = interfaces.first else {
            return error(
                FilePosition(path, 1, 1), "no interface to replicate over", remedy: "write `interface NAME`")
        }
        for other in interfaces.dropFirst() {
            error(
                other.name.position, "a second interface beside `\(interface.name.text)`",
                remedy: "one link for now: several come later")
        }
        for other in interface.peers.dropFirst() {
            error(
                other.position, "a second peer beside \(interface.peers[0].address)",
                remedy: "one peer for now: several come later")
        }
        let destination: LinkConfiguration.Destination
        if let peer = interface.peers.first {
            if peer.address.isMulticast {
                error(
                    peer.position, "\(peer.address) is a multicast address",
                    remedy: "write the peer's own address, or `mcast-group` without a peer")
            }
            if let listen = listenAddress, listen.address == peer.address {
                error(
                    peer.position, "\(peer.address) is this node's own listen-address",
                    remedy: "write the peer's address")
            }
            destination = .unicast(peer: peer.address)
        } else {
            destination = .multicast(group: multicastGroup?.address ?? LinkConfiguration.defaultMulticastGroup)
        }
        draft.link = LinkConfiguration(
            interface: interface.name.text, destination: destination,
            port: interface.port ?? LinkConfiguration.defaultPort, listenAddress: listenAddress?.address)
        guard let listen = listenAddress, listen.address.family != draft.link.family else { return }
        switch destination {
        case .unicast(let peer):
            error(
                listen.position, "\(listen.address) and the peer \(peer) are of different families",
                remedy: "use IPv4 for both, or IPv6 for both")
        case .multicast(let group):
            error(
                listen.position, "\(listen.address) and the mcast-group \(group) are of different families",
                remedy: "write an mcast-group of the same family")
        }
    }
}
