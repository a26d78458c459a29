public import Bytes
public import Engine
internal import SyncProtocol

/// The port through which one engine reaches the simulated links, sealed on its way if the nodes have keys.
public struct SimulatedLinkPort: LinkPort {
    let network: SimulatedNetwork
    let node: Int
    private let process: SimulatedProcess
    /// By link; empty without keys.
    var sealing: [SimulatedSealing]

    /// Makes the port of one run.
    public init(network: SimulatedNetwork, node: Int, process: SimulatedProcess = SimulatedProcess()) {
        self.network = network
        self.node = node
        self.process = process
        sealing = []
    }

    /// How many links there are.
    public var linkCount: Int { network.linkCount }

    /// Bytes of a datagram at most.
    public var maximumPayload: Int { network.payload - (sealing.isEmpty ? 0 : SealedFront.tagSize) }

    /// Whether one datagram reaches everyone.
    public func isShared(_ link: UInt8) -> Bool { network.isShared[Int(link)] }

    /// Takes in the datagrams that wait.
    public mutating func receive(into datagrams: inout DatagramBatch) {
        var taken = 0
        for arrival in network.inboxes[node] {
            guard !datagrams.isFull else { break }
            taken += 1
            let link = Int(arrival.link)
            guard link < sealing.count else {
                arrival.bytes.withBytes { datagrams.append($0, source: arrival.source, link: arrival.link) }
                continue
            }
            let opening = sealing[link].open(arrival.bytes)
            for question in opening.questions where process.takeStep() {
                network.put(question, from: node, over: link)
            }
            opening.clear?.withBytes { datagrams.append($0, source: arrival.source, link: arrival.link) }
        }
        network.inboxes[node].removeFirst(taken)
    }

    /// Sends what the batch holds.
    public mutating func send(_ datagrams: borrowing DatagramBatch) {
        for index in 0..<datagrams.count where process.takeStep() {
            let bytes = datagrams.withDatagram(index) { Array<UInt8>($0) }
            let link = Int(datagrams.link(of: index))
            let source = datagrams.source(of: index)
            let receiver = source == 0 ? nil : Int(source) - 1
            network.tap?(node, bytes)
            guard link < sealing.count else {
                network.put(bytes, from: node, over: link, to: receiver)
                continue
            }
            if let sealed = sealing[link].seal(bytes) { network.put(sealed, from: node, over: link, to: receiver) }
        }
    }
}
