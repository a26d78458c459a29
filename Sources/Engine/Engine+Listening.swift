internal import Conntrack
internal import Replication
internal import StateMachine

/// When the kernel's NEW events are heard: a listener in their group halves the rate at which a table takes flows in.
///
/// | the group is left by | because | and a dump finds what went unheard |
/// |---|---|---|
/// | a long commit | it writes all that there is | when it has ended |
/// | a hot standby through which nothing goes | all that comes into being there is a copy | at its takeover |
///
/// Joined at once when a virtual address appears, so before any role does. Changes and ends are always heard.
extension Engine where Kernel: ~Copyable, Link: ~Copyable {
    /// Joins the group of NEW events or leaves it, as it is now.
    mutating func listenAsNeeded() {
        let wants = !(commitJob?.isQuiet ?? carriesNothing)
        guard wants != hearsNew else { return }
        hearsNew = wants
        kernel.listenForNew(wants)
    }

    /// Whether this is a hot standby without an address, through which nothing goes and nothing went lately: what it
    /// carried as a master, hosts may still send to it until the purge.
    private var carriesNothing: Bool { keepsCopies && lacksAddresses && former == nil && log.flowCount == 0 }

    /// A hot standby may not have heard of the flow that is in the way; one that packets made, and that both sides
    /// answered, is remembered.
    mutating func meet(_ original: Tuple) {
        guard settings.isHot, !log.holds(original), let found = entryInKernel(original),
            found.status.contains(.assured)
        else { return }
        log.observe(found, .all, traits: .seenNew)
    }

    /// The kernel's entry with this original tuple; one that has it as its reply is another.
    mutating func entryInKernel(_ original: Tuple) -> Flow? {
        guard let found = kernel.find([original]).first ?? nil, found.original == original else { return nil }
        return found
    }
}
