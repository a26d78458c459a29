/// Why a datagram of a link was not handed over or did not leave.
public enum LinkCounter: UInt8, CaseIterable, Sendable {
    /// Heard on another interface than the link's.
    case wrongInterface
    /// Heard under an address that is neither the link's own nor its group: a broadcast, another's group.
    case wrongDestination
    /// Heard from an address that is not a configured peer.
    case unknownSource
    /// Longer than a batch's place, so its end is lost.
    case tooLongToReceive
    /// The receive queue was full; the kernel dropped it.
    case receiveQueueFull
    /// A receive failed.
    case receiveFailed
    /// A source was forgotten in favour of a newer one; it is numbered again, alike, when it is next heard.
    case sourceForgotten
    /// The send queue was full.
    case sendQueueFull
    /// The device's queue was full, or the kernel out of memory.
    case deviceQueueFull
    /// Longer than the interface carries in one piece.
    case tooLongToSend
    /// No route, or no neighbour answers.
    case unreachable
    /// The interface is down or gone.
    case interfaceDown
    /// A local firewall rule or policy refused it.
    case refusedLocally
    /// Addressed to a source that is not known, or no longer.
    case unknownDestination
    /// A send failed for another reason.
    case sendFailed
}
