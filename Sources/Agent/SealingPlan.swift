internal import Configuration
internal import SyncTransport

/// With what a link's sealing begins: the stage, and the keys, of which the first seals.
struct SealingPlan: Sendable {
    var stage = SealingStage.off
    var keys: [SealKey] = []

    /// Reads the key files of a configuration.
    static func read(_ configuration: AgentConfiguration) throws(KeyFileFailure) -> SealingPlan {
        var plan = SealingPlan(stage: configuration.sealingStage)
        for file in configuration.keyFiles {
            var read = try KeyFile.read(file.place)
            guard let key = read.takeSealKey() else { throw .malformed("\(file.place)") }
            guard !plan.keys.contains(where: { $0.id == key.id }) else { throw .sameID(key.id) }
            plan.keys.append(key)
        }
        return plan
    }
}
