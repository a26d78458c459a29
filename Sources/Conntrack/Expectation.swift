/// A flow that a helper expects to come: the data connection of an FTP transfer, the media of a call.
public struct Expectation: Hashable, BitwiseCopyable, Sendable {
    /// What the expected flow will look like; in the zone of its master.
    public var key: ExpectationKey
    /// The original tuple of the flow whose helper expects it.
    public var master: Tuple
    /// Seconds until the kernel drops the expectation; 0 with a permanent one.
    public var timeout: UInt32
    public var flags: ExpectationFlags
    /// Which of the helper's policies counts it.
    public var policy: UInt32
    /// The helper that reads the expected flow, or none.
    public var helper: KernelName
    public var translation: ExpectationTranslation?
    /// What the kernel calls when the flow comes, as `nat-follow-master`, or none.
    public var function: KernelName

    /// Makes an expectation.
    public init(
        key: ExpectationKey, master: Tuple, timeout: UInt32 = 0, flags: ExpectationFlags = [], policy: UInt32 = 0,
        helper: KernelName = .none, translation: ExpectationTranslation? = nil, function: KernelName = .none
    ) {
        self.key = key
        self.master = master
        self.timeout = timeout
        self.flags = flags
        self.policy = policy
        self.helper = helper
        self.translation = translation
        self.function = function
    }

    /// Whether another says the same; the timeout does not count.
    public func isSame(as other: Expectation) -> Bool {
        var other = other
        other.timeout = timeout
        return self == other
    }
}

/// The tuple of an expected flow and which of its bits must match; no two expectations of a kernel have the same.
public struct ExpectationKey: Hashable, BitwiseCopyable, Sendable {
    public var tuple: Tuple
    /// The bits of the source address that must match; the destination always matches as a whole.
    public var sourceMask: Address
    /// The bits of the source's key that must match.
    public var sourceKeyMask: UInt16

    /// Makes a key.
    public init(tuple: Tuple, sourceMask: Address, sourceKeyMask: UInt16) {
        self.tuple = tuple
        self.sourceMask = sourceMask
        self.sourceKeyMask = sourceKeyMask
    }
}

/// How the expected flow is translated: which direction, and what the helper saved before it rewrote the payload.
public struct ExpectationTranslation: Hashable, BitwiseCopyable, Sendable {
    /// Whether the expected flow goes in the reply direction of its master.
    public var isReply: Bool
    public var address: Address
    /// The port, in host order.
    public var key: UInt16

    /// Makes a translation.
    public init(isReply: Bool, address: Address, key: UInt16) {
        self.isReply = isReply
        self.address = address
        self.key = key
    }
}

/// NF_CT_EXPECT_* (include/uapi/linux/netfilter/nf_conntrack_common.h).
public struct ExpectationFlags: OptionSet, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt8

    /// Makes a set from the kernel's bits.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// It stays when its flow has come.
    public static let permanent = ExpectationFlags(rawValue: 1)
    public static let inactive = ExpectationFlags(rawValue: 2)
    /// Made by a program; the kernel sets that by itself.
    public static let userspace = ExpectationFlags(rawValue: 4)

    /// The flags that the kernel lets others write.
    public static let replicated: ExpectationFlags = [.permanent, .inactive]
}
