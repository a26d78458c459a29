internal import Conntrack

/// Requests for expectations (ctnetlink_new_expect, ctnetlink_del_expect, ctnetlink_dump_exp).
extension FlowMessageWriter {
    /// Whether the kernel's messages can say this expectation: tuple and master of one family and zone, names that fit.
    static func canExpress(_ expectation: Expectation) -> Bool {
        let tuple = expectation.key.tuple
        return tuple.family == expectation.master.family && tuple.zone == expectation.master.zone
            && expectation.helper.count <= KernelName.helperLimit
    }

    /// Inserts an expectation whose master is there and has a helper.
    ///
    /// The timeout is what the helper's policy says, whatever the request does; `renew` sets it afterwards.
    mutating func create(_ expectation: Expectation, sequence: UInt32) {
        typealias Number = WireAttribute.Expectation
        let flags = NetlinkMessage.Flags.create | NetlinkMessage.Flags.exclusive
        let tuple = expectation.key.tuple
        let start = begin(ExpectationParser.newMessage, flags: flags, sequence: sequence, family: tuple.family)
        appendTuple(Number.master.rawValue, expectation.master, zone: false)
        appendTuple(Number.tuple.rawValue, tuple, zone: false)
        appendTuple(Number.mask.rawValue, expectation.key.mask, zone: false)
        appendZone(of: expectation)
        appendUInt32(Number.timeout.rawValue, expectation.timeout.writable)
        appendUInt32(Number.flags.rawValue, UInt32(expectation.flags.intersection(.replicated).rawValue))
        appendUInt32(Number.policy.rawValue, expectation.policy)
        if expectation.namesHelper { append(Number.helper.rawValue, expectation.helper) }
        if let translation = expectation.translation { append(translation, of: expectation) }
        if !expectation.function.isNone { append(Number.function.rawValue, expectation.function) }
        finish(start)
    }

    /// Sets the timeout of an expectation that is there.
    mutating func renew(_ expectation: Expectation, sequence: UInt32) {
        typealias Number = WireAttribute.Expectation
        let tuple = expectation.key.tuple
        let start = begin(ExpectationParser.newMessage, flags: 0, sequence: sequence, family: tuple.family)
        // The kernel demands all three, and looks at the tuple alone.
        appendTuple(Number.master.rawValue, expectation.master, zone: false)
        appendTuple(Number.tuple.rawValue, tuple, zone: false)
        appendTuple(Number.mask.rawValue, expectation.key.mask, zone: false)
        appendZone(of: expectation)
        appendUInt32(Number.timeout.rawValue, expectation.timeout.writable)
        finish(start)
    }

    /// Deletes the expectation with this tuple.
    mutating func delete(_ expectation: Expectation, sequence: UInt32) {
        let tuple = expectation.key.tuple
        let start = begin(ExpectationParser.deleteMessage, flags: 0, sequence: sequence, family: tuple.family)
        appendTuple(WireAttribute.Expectation.tuple.rawValue, tuple, zone: false)
        appendZone(of: expectation)
        finish(start)
    }

    /// Asks for all expectations of both families.
    mutating func dumpExpectations(sequence: UInt32) {
        let flags = NetlinkMessage.Flags.dump
        finish(begin(ExpectationParser.getMessage, flags: flags, sequence: sequence, family: nil))
    }

    private mutating func appendZone(of expectation: Expectation) {
        let zone = expectation.key.tuple.zone
        if zone != 0 { appendUInt16(WireAttribute.Expectation.zone.rawValue, zone) }
    }

    /// The tuple carries what the helper saved, as the source of a tuple of the master's protocol; its destination says
    /// nothing and must be there.
    private mutating func append(_ translation: ExpectationTranslation, of expectation: Expectation) {
        let whole = open(WireAttribute.Expectation.translation.rawValue)
        appendUInt32(WireAttribute.ExpectationTranslation.direction.rawValue, translation.isReply ? 1 : 0)
        let saved = Tuple(
            source: translation.address, destination: .any, sourceKey: translation.key,
            family: expectation.master.family, protocol: expectation.master.protocol)
        appendTuple(WireAttribute.ExpectationTranslation.tuple.rawValue, saved, zone: false)
        close(whole)
    }
}

extension Expectation {
    /// Whether a creating request names the helper.
    ///
    /// The kernel tells the helper of the master. Many kernels take the one in a request for the helper that shall
    /// read the expected flow, and find the class by it (ctnetlink_alloc_expect). So it is named where there is a class
    /// to find, and for SIP, whose calls are read as the one before them. An FTP transfer must not be read as commands.
    fileprivate var namesHelper: Bool {
        guard !helper.isNone else { return false }
        // "sip", or "sip-" and a port (nf_ct_helper_init).
        let isSIP = helper[0] == UInt8(ascii: "s") && helper[1] == UInt8(ascii: "i") && helper[2] == UInt8(ascii: "p")
        return policy != 0 || isSIP
    }
}

extension ExpectationKey {
    /// The mask as a tuple: the destination must match as a whole.
    var mask: Tuple {
        let everything: Address =
            tuple.family == .ipv4 ? Address(ipv4: .max) : Address(high: .max, low: .max)
        return Tuple(
            source: sourceMask, destination: everything, sourceKey: sourceKeyMask, destinationKey: .max,
            family: tuple.family, protocol: tuple.protocol)
    }
}
