/// A door of the agent through which bytes come that it did not write.
///
/// Each target gives bytes to the code under test and says what does not hold. The fuzzers' program and the ordinary
/// tests run the same function, so whatever a fuzzer finds becomes a file in `Kept` and a test.
enum FuzzTarget: String, CaseIterable, Sendable {
    /// A datagram from the link: header and messages.
    case datagram
    /// A sealed link, and somebody who repeats and changes what is on it.
    case sealing
    /// A peer that says anything at all, to an engine.
    case engine
    /// Two engines, and somebody on the link who changes and repeats what they send.
    case pair
    /// The kernel's messages about flows and expectations.
    case kernelMessage = "kernel-message"
    /// The kernel's messages about addresses and interfaces.
    case routeMessage = "route-message"
    /// A stream from a client of the control socket.
    case controlRequest = "control-request"
    /// A stream from the agent to its command.
    case controlReply = "control-reply"
    /// The agent's configuration, one file.
    case configuration
    /// keepalived.conf, one file.
    case keepalived

    /// Runs the code under test on some bytes.
    func take(_ bytes: [UInt8]) throws(FuzzFailure) {
        switch self {
        case .datagram: try DatagramTarget.take(bytes)
        case .sealing: try SealingTarget.take(bytes)
        case .engine: try EngineTarget.take(bytes)
        case .pair: try PairTarget.take(bytes)
        case .kernelMessage: try KernelMessageTarget.take(bytes)
        case .routeMessage: try RouteMessageTarget.take(bytes)
        case .controlRequest: try ControlTarget.takeRequests(bytes)
        case .controlReply: try ControlTarget.takeReplies(bytes)
        case .configuration: try ConfigurationTarget.takeConfiguration(bytes)
        case .keepalived: try ConfigurationTarget.takeKeepalived(bytes)
        }
    }

    /// Bytes to begin with.
    var seeds: [[UInt8]] {
        switch self {
        case .datagram: DatagramTarget.seeds
        case .sealing: SealingTarget.seeds
        case .engine: EngineTarget.seeds
        case .pair: PairTarget.seeds
        case .kernelMessage: KernelMessageTarget.seeds
        case .routeMessage: RouteMessageTarget.seeds
        case .controlRequest: ControlTarget.requestSeeds
        case .controlReply: ControlTarget.replySeeds
        case .configuration: ConfigurationTarget.configurationSeeds
        case .keepalived: ConfigurationTarget.keepalivedSeeds
        }
    }
}

extension FuzzTarget {
    /// Words that a fuzzer would not find by itself.
    var words: [String] {
        switch self {
        case .configuration: ConfigurationTarget.words
        case .keepalived: ConfigurationTarget.keepalivedWords
        default: []
        }
    }
}

/// Something that must hold for all bytes and does not.
struct FuzzFailure: Error, CustomStringConvertible {
    let description: String
}

/// Throws unless something holds.
func hold(_ condition: Bool, _ text: @autoclosure () -> String) throws(FuzzFailure) {
    if !condition { throw FuzzFailure(description: text()) }
}
