public import Conntrack
public import StateMachine
internal import SyncProtocol

extension World {
    /// What a run is made of.
    public struct Setup: Sendable {
        /// How datagrams are sealed.
        public enum Sealing: String, Sendable {
            case none
            /// Required from the start, so that there may be an attacker.
            case required
            /// The nodes have a key and begin without using it; stages are stepped through.
            case stepped
        }

        public var seed: UInt64
        public var nodes = 2
        /// Links between all nodes, and whether one datagram reaches everyone on them.
        public var links = 1
        public var isShared: [Bool] = []
        /// Bytes of a datagram at most, with its seal.
        public var payload = 1_452
        public var sealing = Sealing.none
        /// How long stale entries stay after a demotion.
        public var purgeTimeout = Instant.Span.seconds(6)
        public var tableLimit = 100_000
        /// Whether standbys keep copies in their kernels.
        public var isHot = false
        /// What no node imports.
        public var leftOut: FlowAttributes = []
        /// The versions of the wire that each node speaks; who is not named speaks this code's.
        public var wireVersions: [ClosedRange<UInt8>] = []
        public var load = Traffic.Load()
        /// What chance chooses from, each as often as it stands here, and for how long.
        public var misfortunes = Misfortune.first
        public var faultsFor = Instant.Span.seconds(25)
        /// Of 100 datagrams at most.
        public var duplicationLimit = 20
        public var replayLimit = 0
        /// What the checks look away from.
        public var looksAway: Set<KnownTrouble> = []
        /// How long a datagram takes at most, in microseconds.
        public var delayLimit = 40_000
        /// How often all caches are looked at; nil for only at the end.
        public var watchInterval: Instant.Span?

        /// Makes the usual setup.
        public init(seed: UInt64) { self.seed = seed }

        /// Makes a setup that the seed draws: another cluster, another load and other faults for each.
        public static func drawn(
            seed: UInt64, nodes: ClosedRange<Int> = 2...2, links: ClosedRange<Int> = 1...1
        ) -> Setup {
            // Not the chance of the run itself.
            var chance = SeededGenerator(seed: seed ^ 0x7365_7475_7021)
            var setup = Setup(seed: seed)
            // A pair is what most people have.
            let (many, several) = (chance.pick(nodes), chance.pick(links))
            setup.nodes = chance.happens(50) ? nodes.lowerBound : many
            setup.links = chance.happens(50) ? links.lowerBound : several
            setup.isShared = (0..<setup.links).map { _ in chance.happens(50) }
            setup.payload = [1_452, 1_452, 1_232, 8_952][chance.pick(0...3)]
            let fate = chance.pick(0...99)
            setup.sealing = fate < 50 ? .none : fate < 85 ? .required : .stepped
            setup.purgeTimeout = .seconds([1, 6, 6, 60][chance.pick(0...3)])
            setup.load = drawnLoad(&chance)
            setup.misfortunes = drawnMisfortunes(setup.sealing, &chance)
            setup.faultsFor = .seconds(UInt64(chance.pick(15...40)))
            setup.duplicationLimit = 50
            setup.replayLimit = chance.happens(50) ? 50 : 0
            setup.delayLimit = chance.happens(25) ? 400_000 : 40_000
            setup.looksAway = Set(KnownTrouble.allCases)
            // Half of all clusters, by a chance of its own: the other half are what they were.
            var heat = SeededGenerator(seed: seed ^ 0x686f_7421)
            setup.isHot = heat.happens(50)
            setup.watchInterval = .milliseconds(UInt64(chance.pick(150...400)))
            return setup
        }

        private static func drawnLoad(_ chance: inout SeededGenerator) -> Traffic.Load {
            var load = Traffic.Load()
            load.stamps = true
            load.lasting = chance.pick(2...12)
            let fate = chance.pick(0...9)
            load.opening = fate == 0 ? 1_500...8_000 : fate < 6 ? 2_000...30_000 : 20_000...200_000
            if chance.happens(30) {
                // Few hosts and ports: the same tuples come again and again.
                load.hosts = 2
                load.ports = 12
            }
            return load
        }

        /// Some kinds of faults and not others, so that those that are left meet more often.
        private static func drawnMisfortunes(
            _ sealing: Sealing, _ chance: inout SeededGenerator
        ) -> [Misfortune] {
            var chosen: [Misfortune] = []
            for misfortune in Misfortune.allCases {
                let weight = chance.happens(60) ? chance.pick(1...3) : 0
                let isPossible =
                    switch misfortune {
                    case .attack: sealing == .required
                    case .stageStep: sealing == .stepped
                    case .keyRollover: sealing != .none
                    default: true
                    }
                if isPossible { chosen += Array(repeating: misfortune, count: weight) }
            }
            return chosen.isEmpty ? Misfortune.first : chosen
        }

        /// The keys and the stage that every node begins with.
        var keyRing: KeyRing? {
            switch sealing {
            case .none: nil
            case .required: KeyRing(.require)
            case .stepped: KeyRing(.off)
            }
        }

        /// The setup in a line.
        public var text: String {
            let kinds = (0..<links).map { isShared.indices.contains($0) && isShared[$0] ? "multicast" : "unicast" }
            return
                "\(nodes) nodes, \(links == 1 ? "link" : "links") \(kinds.joined(separator: " and ")), "
                + "sealing \(sealing.rawValue), purge after \(purgeTimeout.milliseconds / 1_000) s, "
                + (isHot ? "hot" : "cold")
        }
    }
}
