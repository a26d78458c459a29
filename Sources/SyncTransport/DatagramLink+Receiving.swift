public import Bytes
internal import CLinux
internal import Conntrack
internal import Glibc
internal import StateMachine

extension DatagramLink {
    /// Receives what waits, behind what the batch holds and as far as it has room, by one system call.
    ///
    /// - Parameters:
    ///   - limit: datagrams at most, so that other links find room too.
    ///   - number: the link's number, for the batch.
    /// - Returns: whether more may wait, even if nothing came into the batch because all was dropped.
    public mutating func receive(
        into batch: inout DatagramBatch, atMost limit: Int = .max, as number: UInt8 = 0
    ) -> Bool {
        let first = batch.count
        let wanted = min(batch.limit - first, limit, MessageVectors.limit)
        guard wanted > 0 else { return true }
        for index in 0..<wanted {
            unsafe vectors.setBytes(index, batch.memory(of: first + index), count: batch.datagramCapacity)
            vectors.prepareToReceive(index)
        }
        let heard = unsafe ctsync_recvmmsg(
            rawValue, vectors.headers, UInt32(wanted), Int32(MSG_DONTWAIT))
        guard heard >= 0 else {
            if errno == EAGAIN || errno == EINTR { return errno == EINTR }
            counters.count(.receiveFailed)
            traffic.receiveErrors &+= 1
            return false
        }
        receivedSizes.removeAll(keepingCapacity: true)
        receivedSources.removeAll(keepingCapacity: true)
        for index in 0..<Int(heard) {
            guard let source = admit(index) else {
                traffic.receiveErrors &+= 1
                continue
            }
            let size = unsafe Int(vectors.headers[index].msg_len)
            let place = receivedSizes.count
            if place != index {
                unsafe batch.memory(of: first + place).copyMemory(
                    from: batch.memory(of: first + index), byteCount: size)
            }
            receivedSizes.append(size)
            receivedSources.append(source)
            traffic.receivedDatagrams &+= 1
            traffic.receivedBytes &+= UInt64(size)
        }
        batch.extend(sizes: receivedSizes, sources: receivedSources, link: number)
        return heard == wanted
    }

    /// The source of a datagram that is to be handed over; nil if it is dropped, and counted.
    private mutating func admit(_ index: Int) -> DatagramBatch.Source? {
        let header = unsafe vectors.headers[index].msg_hdr
        if unsafe header.msg_flags & Int32(MSG_TRUNC) != 0 { return drop(.tooLongToReceive) }
        let information = unsafe PacketInformation(
            reading: vectors.control(index), length: Int(header.msg_controllen))
        guard let information, information.interface == device.index else { return drop(.wrongInterface) }
        guard isOurs(information) else { return drop(.wrongDestination) }
        guard let endpoint = unsafe Endpoint(reading: vectors.name(index), length: Int(header.msg_namelen)) else {
            return drop(.unknownSource)
        }
        if case .peers(let peers) = settings.audience, !peers.contains(endpoint.address) { return drop(.unknownSource) }
        let forgotten = sources.forgotten
        let source = sources.hear(endpoint)
        if sources.forgotten != forgotten { counters.count(.sourceForgotten) }
        return source
    }

    private func isOurs(_ information: PacketInformation) -> Bool {
        if information.address.isMulticast(settings.family) { return .group(information.address) == settings.audience }
        guard information.isLocal else { return false }
        return listenAddress.map { $0 == information.address } ?? true
    }

    private mutating func drop(_ reason: LinkCounter) -> DatagramBatch.Source? {
        counters.count(reason)
        return nil
    }
}
