public import Conntrack

/// Expectations are entries of the same log: they change rarely, and nothing holds their destroys back.
extension ChangeLog {
    /// Expectations in the log, without tombstones.
    public var expectationCount: Int { expectations.count - expectationTombstones }

    /// Slots of expectations ever used, for walks.
    public var expectationSlotLimit: UInt32 { expectations.slotLimit }

    /// The expectation of a slot, or nil if the slot is free or a tombstone.
    public func expectation(at slot: UInt32) -> Expectation? {
        guard expectations.contains(slot), !expectations[slot].isTombstone else { return nil }
        return expectations.subject(at: slot)
    }

    /// Whether an expectation with this key is there.
    public func holds(_ key: ExpectationKey) -> Bool {
        expectations.find(key).map { !expectations[$0].isTombstone } ?? false
    }

    /// Takes in what the kernel told of an expectation.
    @discardableResult
    public mutating func observe(_ expectation: Expectation) -> Observation {
        guard let slot = expectations.find(expectation.key) else {
            let slot = expectations.insert(expectation, ExpectationNote(links: LogLinks(seen: round)))
            append(.expectation(slot))
            return .inserted
        }
        expectations[slot].links.seen = round
        let wasTombstone = expectations[slot].isTombstone
        let isSame = expectations.subject(at: slot).isSame(as: expectation)
        expectations.replace(at: slot, by: expectation)
        if !wasTombstone, isSame { return .refreshed }
        if wasTombstone {
            expectationTombstones -= 1
            expectations[slot].isTombstone = false
        }
        moveToEnd(.expectation(slot))
        return wasTombstone ? .inserted : .changed
    }

    /// Turns an expectation into a tombstone; false if there was none.
    @discardableResult
    public mutating func destroy(_ key: ExpectationKey) -> Bool {
        guard let slot = expectations.find(key), !expectations[slot].isTombstone else { return false }
        expectations[slot].isTombstone = true
        expectationTombstones += 1
        noteTombstone(.expectation(slot))
        return true
    }

    /// Destroys the expectations that this round has not seen and that have not changed since `version`.
    ///
    /// Returns how many.
    public mutating func destroyUnseenExpectations(unchangedSince version: UInt64) -> Int {
        var destroyed = 0
        for slot in 0..<expectations.slotLimit where expectations.contains(slot) {
            let note = expectations[slot]
            guard !note.isTombstone, note.links.seen != round, note.links.version <= version else { continue }
            if destroy(expectations.subject(at: slot).key) { destroyed += 1 }
        }
        return destroyed
    }
}
