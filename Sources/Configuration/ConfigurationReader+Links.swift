internal import Conntrack

extension ConfigurationReader {
    /// Makes the links of the interfaces, in their order, and checks that each can work.
    mutating func finishLinks() {
        guard !interfaces.isEmpty else {
            return error(
                FilePosition(path, 1, 1), "no interface to replicate over", remedy: "write `interface NAME`")
        }
        let group = multicastGroup?.address ?? LinkConfiguration.defaultMulticastGroup
        var links = interfaces.map { interface in
            LinkConfiguration(
                interface: interface.name.text,
                destination: interface.peers.isEmpty
                    ? .multicast(group: group) : .unicast(peers: interface.peers.map(\.address)),
                port: interface.port ?? LinkConfiguration.defaultPort,
                listenAddresses: interface.listenAddress.map { [$0.address] } ?? [])
        }
        for (interface, link) in zip(interfaces, links) {
            if let listen = interface.listenAddress, listen.address.family != link.family {
                reportFamily(of: listen, link)
            }
        }
        assignListenAddresses(to: &links)
        for interface in interfaces { checkPeers(of: interface) }
        draft.links = links
    }

    /// Gives the listen-addresses at the top to the links of their family that have none of their own.
    ///
    /// Where there are several, each belongs to the link whose interface has it: only the running node knows which, so
    /// there must be one for each.
    private mutating func assignListenAddresses(to links: inout [LinkConfiguration]) {
        for family in [AddressFamily.ipv4, .ipv6] {
            let addresses = listenAddresses.filter { $0.address.family == family }
            let candidates = links.indices.filter { links[$0].family == family }
            let takers = candidates.filter { links[$0].listenAddresses.isEmpty }
            guard let first = addresses.first else { continue }
            if candidates.isEmpty, links.count == 1 {
                reportFamily(of: first, links[0])
            } else if candidates.isEmpty {
                error(
                    first.position, "\(first.address) is of another family than the peers and groups of all interfaces",
                    remedy: "use IPv4 for both, or IPv6 for both")
            } else if takers.isEmpty {
                error(
                    first.position, "every interface has a listen-address of its own beside \(first.address)",
                    remedy: "remove one")
            } else if addresses.count > takers.count {
                error(
                    addresses[takers.count].position,
                    takers.count == 1
                        ? "a second listen-address beside \(first.address)"
                        : "more listen-addresses than interfaces without one",
                    remedy: "one for each interface: remove one")
            } else if addresses.count < takers.count {
                let names = takers.map { links[$0].interface }.joined(separator: " or ")
                error(
                    first.position, "nobody can tell whether \(first.address) belongs to \(names)",
                    remedy: "write it in the block of its interface, or write one for each of them")
            } else {
                for taker in takers { links[taker].listenAddresses = addresses.map(\.address) }
            }
        }
    }

    private mutating func reportFamily(
        of listen: (address: HostAddress, position: FilePosition), _ link: LinkConfiguration
    ) {
        switch link.destination {
        case .unicast(let peers):
            let peer = peers.first.map { "\($0)" } ?? ""
            error(
                listen.position, "\(listen.address) and the peer \(peer) are of different families",
                remedy: "use IPv4 for both, or IPv6 for both")
        case .multicast(let group):
            error(
                listen.position, "\(listen.address) and the mcast-group \(group) are of different families",
                remedy: "write an mcast-group of the same family")
        }
    }

    private mutating func checkPeers(of interface: InterfaceDraft) {
        let own = listenAddresses.map(\.address) + interfaces.compactMap { $0.listenAddress?.address }
        var known: [HostAddress] = []
        for (address, position) in interface.peers {
            if known.contains(address) {
                error(
                    position, "\(address) is a peer on `\(interface.name.text)` already", remedy: "remove one")
                continue
            }
            if known.count == ConfigurationLimit.peers {
                return error(
                    position, "more than \(ConfigurationLimit.peers) peers on `\(interface.name.text)`",
                    remedy: "\(ConfigurationLimit.peers + 1) nodes are the most: remove those that are none")
            }
            known.append(address)
            checkPeer(address, position, beside: known[0], own)
        }
    }

    private mutating func checkPeer(
        _ address: HostAddress, _ position: FilePosition, beside first: HostAddress, _ own: [HostAddress]
    ) {
        if address.family != first.family {
            error(
                position, "\(address) and the peer \(first) are of different families",
                remedy: "use IPv4 for both, or IPv6 for both")
        }
        if address.isMulticast {
            error(
                position, "\(address) is a multicast address",
                remedy: "write the peer's own address, or `mcast-group` without a peer")
        } else if address.address == .any {
            error(position, "\(address) is every address", remedy: "write the peer's own address")
        } else if own.contains(address) {
            error(position, "\(address) is this node's own listen-address", remedy: "write the peer's address")
        }
    }
}
