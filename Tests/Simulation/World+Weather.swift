public import StateMachine

/// What happens to the links.
extension World {
    /// Cuts all links for a while: what a node sends, or both ways.
    public func cut(from sender: Int?, for span: Instant.Span) {
        note("the link is cut \(sender.map { "from \(nodes[$0].name)" } ?? "both ways") for \(span.milliseconds) ms")
        cut(for: span) { sender == nil || sender == $0.from }
    }

    /// Cuts some paths for a while.
    public func cut(for span: Instant.Span, where isCut: (SimulatedNetwork.Path) -> Bool) {
        for path in network.paths where isCut(path) { network[path].isCut = true }
        agenda.add(.mend, at: clock.now + span)
    }

    /// Ends all cuts.
    func mend() {
        note("the link is mended")
        network.change { $0.isCut = false }
    }

    /// New weather, by chance, on every path.
    func turnWeather() {
        for path in network.paths {
            network[path].loss = generator.pick(0...30)
            network[path].duplication = generator.pick(0...setup.duplicationLimit)
            if setup.replayLimit > 0 {
                network[path].replay = generator.happens(50) ? generator.pick(0...setup.replayLimit) : 0
            }
            network[path].delay = 50...generator.pick(60...setup.delayLimit)
            let (weather, path) = (network[path], "\(nodes[path.from].name) to \(nodes[path.to].name)")
            note(
                "the weather from \(path): \(weather.loss) % lost, \(weather.duplication) % twice, "
                    + "\(weather.replay) % replayed, up to \(weather.delay.upperBound) µs")
        }
    }

    /// Cuts a part of the paths, and not others.
    func part(_ node: Int, for span: Instant.Span) {
        let other = another(than: node)
        let name = nodes[node].name
        switch generator.pick(0...3) {
        case 0:
            note("\(nodes[other].name) hears nothing of \(name) for \(span.milliseconds) ms")
            cut(for: span) { $0.from == node && $0.to == other }
        case 1:
            note("\(name) and \(nodes[other].name) are parted for \(span.milliseconds) ms")
            cut(for: span) { ($0.from == node || $0.to == node) && ($0.from == other || $0.to == other) }
        case 2:
            note("\(name) hears nothing for \(span.milliseconds) ms")
            cut(for: span) { $0.to == node }
        default:
            let link = generator.pick(0...network.linkCount - 1)
            note("link \(link) is silent for \(span.milliseconds) ms")
            cut(for: span) { $0.link == link }
        }
    }
}
