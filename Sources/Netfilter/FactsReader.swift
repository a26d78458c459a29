public import Conntrack

/// Reads what a node tells its peers of its kernel, again and again.
///
/// It works in the network namespace of the calling thread. The rules, which may be many, are read again only when they
/// have changed.
public struct FactsReader: Sendable {
    private var survey = RulesetSurvey()
    /// Nil until the rules were read, or where the kernel does not number their changes.
    private var generation: RulesetSurvey.Generation?

    /// Makes a reader that has read nothing.
    public init() {}

    /// Reads everything; takes some milliseconds, and up to 200 more where no rule tracks and loopback swallows
    /// datagrams.
    ///
    /// - Parameters:
    ///   - besideHold: whether the hold's table is there, which makes the kernel track: then rules alone are asked.
    ///   - holdChanges: how often that table was changed in this run, which is no change of the rules.
    public mutating func read(besideHold: Bool = false, holdChanges: UInt32 = 0) -> NodeFacts {
        let current = RulesetSurvey.Generation.now(without: holdChanges)
        if current == nil || current != generation { survey = RulesetSurvey.read() }
        generation = current
        let kernel = KernelFacts.read()
        let helpers = TrackingModules.read()
        var facts = NodeFacts()
        facts.entries = kernel.entries.map { UInt32(clamping: $0) }
        facts.limit = kernel.limit.map { UInt32(clamping: $0) }
        facts.buckets = kernel.buckets.map { UInt32(clamping: $0) }
        facts.tracksPackets = survey.needsTracking ? true : probeTracking(besideHold)
        facts.setsLabels = survey.setsLabels
        facts.setsZones = survey.setsZones
        facts.events = kernel.events
        facts.isLoose = kernel.isLoose
        facts.isLiberal = kernel.isLiberal
        facts.verifiesChecksums = kernel.verifiesChecksums
        facts.timeouts = TimeoutSetting.allCases.map { kernel.timeouts[$0] }
        facts.helpers = helpers.loaded
        facts.loadableHelpers = helpers.loadable
        return facts
    }

    private func probeTracking(_ besideHold: Bool) -> Bool? {
        switch try? besideHold ? ConntrackProbe.trackingByRules() : ConntrackProbe.packetTracking() {
        case .enabled: true
        case .disabled: false
        case .unknown, nil: nil
        }
    }
}
