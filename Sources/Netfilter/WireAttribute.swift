/// The attribute numbers of ctnetlink (include/uapi/linux/netfilter/nfnetlink_conntrack.h).
enum WireAttribute {
    /// Of a flow (enum ctattr_type).
    enum Flow: UInt16 {
        case original = 1
        case reply = 2
        case status = 3
        case protocolInfo = 4
        case helper = 5
        case sourceNAT = 6
        case timeout = 7
        case mark = 8
        case destinationNAT = 13
        case master = 14
        case originalSequence = 15
        case replySequence = 16
        case zone = 18
        case labels = 22
        case synproxy = 24
    }

    /// Of a tuple (enum ctattr_tuple).
    enum Tuple: UInt16 {
        case addresses = 1
        case `protocol` = 2
        case zone = 3
    }

    /// Of a tuple's addresses (enum ctattr_ip).
    enum Addresses: UInt16 {
        case sourceIPv4 = 1
        case destinationIPv4 = 2
        case sourceIPv6 = 3
        case destinationIPv6 = 4
    }

    /// Of a tuple's protocol and its keys (enum ctattr_l4proto).
    enum Keys: UInt16 {
        case number = 1
        case sourcePort = 2
        case destinationPort = 3
        case icmpID = 4
        case icmpType = 5
        case icmpCode = 6
        case icmpv6ID = 7
        case icmpv6Type = 8
        case icmpv6Code = 9
    }

    /// Of the protocol's tracker (enum ctattr_protoinfo).
    enum ProtocolInfo: UInt16 {
        case tcp = 1
        case dccp = 2
        case sctp = 3
    }

    /// Of the TCP tracker (enum ctattr_protoinfo_tcp).
    enum TCP: UInt16 {
        case state = 1
        case originalScale = 2
        case replyScale = 3
        case originalFlags = 4
        case replyFlags = 5
    }

    /// Of the SCTP tracker (enum ctattr_protoinfo_sctp).
    enum SCTP: UInt16 {
        case state = 1
        case originalTag = 2
        case replyTag = 3
    }

    /// Of the DCCP tracker (enum ctattr_protoinfo_dccp).
    enum DCCP: UInt16 {
        case state = 1
        case role = 2
        case handshakeSequence = 3
    }

    /// Of a helper (enum ctattr_help).
    enum Helper: UInt16 {
        case name = 1
    }

    /// Of one direction's sequence numbers (enum ctattr_seqadj).
    enum Sequence: UInt16 {
        case position = 1
        case before = 2
        case after = 3
    }

    /// Of a SYN proxy (enum ctattr_synproxy).
    enum Synproxy: UInt16 {
        case initialSequence = 1
        case initialTimestamp = 2
        case timestampOffset = 3
    }

    /// Of an expectation (enum ctattr_expect).
    enum Expectation: UInt16 {
        case master = 1
        case tuple = 2
        case mask = 3
        case timeout = 4
        case helper = 6
        case zone = 7
        case flags = 8
        case policy = 9
        case translation = 10
        case function = 11
    }

    /// Of an expectation's translation (enum ctattr_expect_nat).
    enum ExpectationTranslation: UInt16 {
        case direction = 1
        case tuple = 2
    }

    /// Of a NAT range (enum ctattr_nat).
    enum NAT: UInt16 {
        case minimumIPv4 = 1
        case maximumIPv4 = 2
        case keys = 3
        case minimumIPv6 = 4
        case maximumIPv6 = 5
    }

    /// Of a NAT range's keys (enum ctattr_protonat).
    enum NATKeys: UInt16 {
        case minimum = 1
        case maximum = 2
    }

    /// Bits of the type field that are flags, not the number (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
    static let flags: UInt16 = 0xc000
    /// Says that an attribute holds attributes.
    static let nested: UInt16 = 0x8000
}
