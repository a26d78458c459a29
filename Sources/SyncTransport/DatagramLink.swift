public import Bytes
internal import CLinux
public import Conntrack
internal import Glibc
internal import LinuxIO
public import StateMachine

/// One interface over which datagrams reach the peers: UDP, IPv4 or IPv6, to addresses or to a multicast group.
///
/// The link moves bytes and never looks at them. It hears its own interface only, and never fragments: a datagram
/// fits in one packet or is refused. It is opened when its interface is there, and opened anew when that went.
public struct DatagramLink: ~Copyable {
    /// What passed through a link since it was opened.
    public struct Traffic: Equatable, Sendable {
        /// Datagrams handed to the kernel.
        public internal(set) var sentDatagrams: UInt64 = 0
        /// Their bytes, without the headers of IP and UDP.
        public internal(set) var sentBytes: UInt64 = 0
        /// Datagrams that did not leave; `counters` says why.
        public internal(set) var sendErrors: UInt64 = 0
        /// Datagrams handed over.
        public internal(set) var receivedDatagrams: UInt64 = 0
        /// Their bytes, without the headers of IP and UDP.
        public internal(set) var receivedBytes: UInt64 = 0
        /// Datagrams that were heard and dropped; `counters` says why.
        public internal(set) var receiveErrors: UInt64 = 0

        /// Nothing has passed yet.
        public init() {}

        /// Notes datagrams that did not leave because no link was there.
        public mutating func countLost(_ datagrams: Int) { sendErrors &+= UInt64(datagrams) }

        /// The sum of what two links carried, one after the other.
        public func adding(_ other: Traffic) -> Traffic {
            var sum = self
            sum.sentDatagrams &+= other.sentDatagrams
            sum.sentBytes &+= other.sentBytes
            sum.sendErrors &+= other.sendErrors
            sum.receivedDatagrams &+= other.receivedDatagrams
            sum.receivedBytes &+= other.receivedBytes
            sum.receiveErrors &+= other.receiveErrors
            return sum
        }
    }

    /// What the link was made of.
    public let settings: LinkSettings
    /// What the interface was when it was last looked at.
    public private(set) var device: NetworkDevice
    /// What passed through.
    public internal(set) var traffic = Traffic()
    /// Why datagrams were dropped.
    public internal(set) var counters = CounterTable<LinkCounter>()
    /// The own address: the first of the settings' that the interface had; nil leaves the choice to the kernel.
    public let listenAddress: Address?
    /// Whether the socket is bound to the device; otherwise the interface of each datagram decides alone.
    public let isBoundToDevice: Bool

    let descriptor: FileDescriptor
    let vectors: MessageVectors
    let sending: MessageVectors
    let audience: [Endpoint]
    let controlLength: Int
    var sources: SourceTable
    /// Scratch of one receive, of fixed capacity.
    var receivedSizes: [Int] = []
    var receivedSources: [DatagramBatch.Source] = []
    private var queueDrops: UInt32 = 0

    /// Opens a link.
    public init(_ settings: LinkSettings) throws(LinkError) { try self.init(settings, bindingToDevice: true) }

    init(_ settings: LinkSettings, bindingToDevice: Bool) throws(LinkError) {
        if let fault = settings.fault { throw .unusable(fault) }
        let socket = try LinkSocket.open(settings.family)
        let device = try NetworkDevice.read(settings.interface, through: socket)
        guard device.isUp else { throw .interfaceDown }
        let own = try Self.ownAddress(settings)
        isBoundToDevice = try LinkSocket.prepare(
            socket, settings, device, listenAddress: own, bindingToDevice: bindingToDevice)
        var peers: [Endpoint] = []
        switch settings.audience {
        case .peers(let addresses):
            peers = addresses.map { Endpoint($0, settings.family, port: settings.port) }
            audience = peers
        case .group(let group):
            audience = [Endpoint(group, settings.family, port: settings.port)]
        }
        sources = SourceTable(key: settings.sourceKey, peers: peers)
        receivedSizes.reserveCapacity(MessageVectors.limit)
        receivedSources.reserveCapacity(MessageVectors.limit)
        self.settings = settings
        self.device = device
        listenAddress = own
        let sending = MessageVectors()
        controlLength = Self.prepare(sending, settings.family, device, listenAddress: own)
        vectors = MessageVectors()
        self.sending = sending
        descriptor = socket
    }

    /// The first of the listen addresses that the interface has; nil if none is asked for.
    private static func ownAddress(_ settings: LinkSettings) throws(LinkError) -> Address? {
        for address in settings.listenAddresses
        where try NetworkDevice.hasAddress(address, settings.family, on: settings.interface) {
            return address
        }
        if settings.listenAddresses.isEmpty { return nil }
        throw .addressNotAssigned
    }

    /// The descriptor's number, for epoll; valid while the link lives.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Bytes of a datagram at most: what the interface carries in one packet, less the headers of IP and UDP.
    public var maximumPayload: Int {
        let headers = settings.family == .ipv4 ? 20 + 8 : 40 + 8
        return max(0, min(device.mtu, 65_535) - headers)
    }

    /// Looks at the interface again: its MTU, whether it is up and carries.
    ///
    /// For whenever a change of the interface was reported.
    ///
    /// - Throws: `interfaceMissing` also when another device has the name now; then the link must be opened anew.
    public mutating func readDevice() throws(LinkError) {
        let now = try NetworkDevice.read(settings.interface, through: descriptor)
        guard now.index == device.index else { throw .interfaceMissing }
        device = now
    }

    /// Takes what the kernel dropped before this link could receive it into `counters`.
    public mutating func countQueueDrops() {
        // SK_MEMINFO_DROPS is the ninth word of SO_MEMINFO (linux/sock_diag.h).
        var words = [UInt32](repeating: 0, count: 9)
        var size = socklen_t(words.count * 4)
        guard unsafe getsockopt(descriptor.rawValue, SOL_SOCKET, 55, &words, &size) == 0, size == 36 else { return }
        let fresh = Int(words[8] &- queueDrops)
        queueDrops = words[8]
        counters.count(.receiveQueueFull, by: fresh)
        traffic.receiveErrors &+= UInt64(fresh)
    }

    /// The number of a source, or of a peer before it is heard.
    public func source(of address: Address, port: UInt16) -> DatagramBatch.Source {
        SourceTable.number(of: Endpoint(address, settings.family, port: port), settings.sourceKey)
    }

    /// The address of a source; nil if it was never heard or is forgotten.
    public func address(of source: DatagramBatch.Source) -> Address? { sources.endpoint(of: source)?.address }

    /// Address and port of a source as text, as in `192.0.2.1:3780`; nil if it was never heard or is forgotten.
    public func text(of source: DatagramBatch.Source) -> String? { sources.endpoint(of: source)?.text }

    /// Writes what every datagram carries beside it: the interface and the own address to leave by.
    private static func prepare(
        _ sending: borrowing MessageVectors, _ family: AddressFamily, _ device: NetworkDevice, listenAddress: Address?
    ) -> Int {
        let information = PacketInformation(interface: device.index, address: listenAddress ?? .any)
        var length = 0
        for index in 0..<MessageVectors.limit {
            unsafe length = information.store(into: sending.control(index), family)
            unsafe sending.headers[index].msg_hdr.msg_control = sending.control(index)
            unsafe sending.headers[index].msg_hdr.msg_controllen = length
        }
        return length
    }
}
