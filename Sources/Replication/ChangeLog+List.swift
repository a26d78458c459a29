/// The list of all entries in version order, and the cursors that walk it.
extension ChangeLog {
    // MARK: Cursors

    /// Opens a cursor at the oldest entry or behind the newest.
    public mutating func openCursor(atStart: Bool) -> Cursor {
        let next = atStart ? oldest : LogPlace.none
        if let place = cursors.firstIndex(where: { !$0.open }) {
            cursors[place] = (next, true)
            return Cursor(place: place)
        }
        precondition(cursors.count < Self.cursorLimit, "a log has at most \(Self.cursorLimit) cursors")
        cursors.append((next, true))
        return Cursor(place: cursors.count - 1)
    }

    /// Moves a cursor to the oldest entry or behind the newest.
    public mutating func move(_ cursor: Cursor, toStart: Bool) {
        cursors[cursor.place].next = toStart ? oldest : .none
    }

    /// Closes a cursor.
    public mutating func close(_ cursor: Cursor) { cursors[cursor.place] = (.none, false) }

    /// The entry that a cursor stands before, or nil at the end.
    public func peek(_ cursor: Cursor) -> Change? {
        let place = cursors[cursor.place].next
        if place == .none { return nil }
        if place.isExpectation {
            let slot = place.slot
            return .expectation(ExpectationEntry(expectation: expectations.subject(at: slot), note: expectations[slot]))
        }
        return entry(at: place.slot).map { .flow($0) }
    }

    /// Moves a cursor on by one entry.
    public mutating func advance(_ cursor: Cursor) {
        let place = cursors[cursor.place].next
        guard place != .none else { return }
        cursors[cursor.place].next = self[place].next
    }

    /// Places a cursor before the first entry whose version is greater than `version`; walks back from the end.
    public mutating func move(_ cursor: Cursor, behind version: UInt64) {
        var place = newest
        var next = LogPlace.none
        while place != .none, self[place].version > version {
            next = place
            place = self[place].previous
        }
        cursors[cursor.place].next = next
    }

    /// Drops the tombstones that every peer knows: those up to `version`, oldest first, at most `limit`.
    public mutating func dropTombstones(upTo version: UInt64, limit: Int) {
        var dropped = 0
        while dropped < limit, let grave = tombstonesByAge.first, grave.version <= version {
            tombstonesByAge.removeFirst()
            guard isTombstone(grave.place, grave.version) else { continue }
            tombstoneFloor = max(tombstoneFloor, grave.version)
            unlink(grave.place)
            if grave.place.isExpectation {
                expectations.remove(grave.place.slot)
                expectationTombstones -= 1
            } else {
                table.remove(grave.place.slot)
                tombstones -= 1
            }
            dropped += 1
        }
    }

    private func isTombstone(_ place: LogPlace, _ version: UInt64) -> Bool {
        if place.isExpectation {
            guard expectations.contains(place.slot) else { return false }
            return expectations[place.slot].isTombstone && expectations[place.slot].links.version == version
        }
        guard table.contains(place.slot) else { return false }
        return table[place.slot].state == .tombstone && table[place.slot].links.version == version
    }

    // MARK: The list

    /// Moves a new tombstone to the end, and drops the oldest beyond the limit.
    mutating func noteTombstone(_ place: LogPlace) {
        moveToEnd(place)
        tombstonesByAge.append((place, latestVersion))
        if tombstones + expectationTombstones > tombstoneLimit { dropTombstones(upTo: latestVersion, limit: 1) }
    }

    mutating func moveToEnd(_ place: LogPlace) {
        unlink(place)
        append(place)
    }

    mutating func append(_ place: LogPlace) {
        latestVersion += 1
        self[place].version = latestVersion
        self[place].previous = newest
        self[place].next = .none
        if newest == .none { oldest = place } else { self[newest].next = place }
        newest = place
        for index in cursors.indices where cursors[index].open && cursors[index].next == .none {
            cursors[index].next = place
        }
    }

    mutating func unlink(_ place: LogPlace) {
        let (previous, next) = (self[place].previous, self[place].next)
        if previous == .none { oldest = next } else { self[previous].next = next }
        if next == .none { newest = previous } else { self[next].previous = previous }
        for index in cursors.indices where cursors[index].next == place { cursors[index].next = next }
    }

    private subscript(place: LogPlace) -> LogLinks {
        get { place.isExpectation ? expectations[place.slot].links : table[place.slot].links }
        _modify {
            if place.isExpectation { yield &expectations[place.slot].links } else { yield &table[place.slot].links }
        }
    }
}
