import Bytes
import Conntrack
import ControlProtocol
import FoundationEssentials
import SyncProtocol
import Testing

/// The list of attributes, row by row: what merges, packs, digests, compares, leaves out and prints a flow knows each.
///
/// Reading and writing ctnetlink's messages is the business of NetfilterTests.
@Suite struct AttributeTests {
    @Test(arguments: AttributeSamples.all)
    func `every attribute has samples that differ in it alone`(samples: AttributeSamples) {
        #expect(!samples.rows.isEmpty)
        for row in samples.rows {
            #expect(row.variation.differences(from: row.base) == FlowAttributes(row.attribute), "\(row.what)")
            #expect(row.base.differences(from: row.variation) == FlowAttributes(row.attribute), "\(row.what)")
            #expect(row.base.differences(from: row.base) == [])
        }
    }

    @Test func `the list is whole`() {
        #expect(FlowAttributes.all.list == FlowAttribute.allCases)
        #expect(Set(FlowAttribute.allCases.map(\.name)).count == FlowAttribute.allCases.count)
    }

    @Test(arguments: AttributeSamples.all)
    func `a merge takes over what was told and nothing else`(samples: AttributeSamples) {
        let rows = samples.rows.filter(\.isSameFlow)
        #expect(!rows.isEmpty)
        for row in rows {
            var flow = row.base
            let changed = flow.merge(row.variation, row.told)
            #expect(flow == row.variation, "\(row.what)")
            #expect(changed == row.attribute.isDigested, "\(row.what)")
            flow = row.base
            let changedByOthers = flow.merge(row.variation, .all.subtracting(FlowAttributes(row.attribute)))
            #expect(flow == row.base && !changedByOthers, "\(row.what)")
            flow = row.variation
            let again = flow.merge(row.variation, .all)
            #expect(!again, "\(row.what)")
        }
    }

    @Test(arguments: AttributeSamples.all)
    func `the wire carries it`(samples: AttributeSamples) throws {
        for row in samples.rows {
            for flow in [row.base, row.variation] {
                #expect(try Self.overTheWire(flow) == flow, "\(row.what)")
            }
        }
    }

    @Test(arguments: AttributeSamples.all)
    func `a digest covers it as the list says`(samples: AttributeSamples) {
        let key = SipHash.Key(1, 2)
        for row in samples.rows {
            let isOther = row.base.digest(key) != row.variation.digest(key)
            #expect(isOther == row.attribute.isDigested, "\(row.what)")
        }
        guard samples.attribute.isDigested else { return }
        #expect(Set(samples.flows.map { $0.digest(key) }).count == samples.flows.count)
    }

    @Test(arguments: AttributeSamples.all)
    func `it is left out if the list says that it can be`(samples: AttributeSamples) {
        let attribute = FlowAttributes(samples.attribute)
        for row in samples.rows {
            for flow in [row.base, row.variation] {
                let left = flow.without(attribute)
                #expect(left.differences(from: flow).isSubset(of: attribute), "\(row.what)")
                #expect(samples.attribute.canBeLeftOut || left == flow, "\(row.what)")
            }
            guard samples.attribute.canBeLeftOut else { continue }
            #expect(row.base.without(attribute).isLike(row.variation.without(attribute), row.attribute), "\(row.what)")
        }
    }

    @Test(arguments: AttributeSamples.all)
    func `the control protocol carries it`(samples: AttributeSamples) throws {
        for row in samples.rows {
            let lines = [FlowLine(row.base), FlowLine(id: 9, row.variation, ageMilliseconds: 4)]
            let reply = ControlReply.flows(FlowBatch(lines, more: false))
            var assembler = FrameAssembler()
            assembler.append(try reply.frame())
            let payload = try #require(try assembler.next())
            #expect(try ControlReply(payload: payload) == reply, "\(row.what)")
        }
    }

    @Test(arguments: AttributeSamples.all)
    func `a listing shows it, as text and as JSON`(samples: AttributeSamples) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var seen: (rows: [String: Flow], objects: [String: Flow]) = ([:], [:])
        for flow in samples.flows {
            let line = FlowLine(flow)
            let text = FlowTable.render(line) + "\n" + FlowTable.renderDetails(line)
            let object = String(decoding: try encoder.encode(line), as: UTF8.self)
            #expect(seen.rows.updateValue(flow, forKey: text) == nil, "\(text) is shown for two flows")
            #expect(seen.objects.updateValue(flow, forKey: object) == nil, "\(object) is shown for two flows")
        }
    }

    /// The flow as a peer reads it.
    private static func overTheWire(_ flow: Flow) throws -> Flow? {
        var writer = DatagramWriter(capacity: 512)
        writer.begin(
            DatagramHeader(sender: 1, incarnation: 2, term: 3, sequence: 4, role: .master, inSync: true))
        writer.openInterval(lane: .live, bulk: 1, from: 10)
        let fits = writer.append(flow, version: 11, isReplacement: false)
        #expect(fits)
        writer.closeInterval(to: 11)
        let bytes = writer.withBytes { [UInt8]($0) }
        var reader = try bytes.withBytes { span throws(DatagramRefusal) in try DatagramReader(span) }
        while let message = try bytes.withBytes({ span throws(MessageRefusal) in try reader.next(span) }) {
            if case .flow(let told) = message { return told.flow }
        }
        return nil
    }
}

extension Flow {
    /// Whether two flows without an attribute are the same, but for the status bits that a flow without it may keep.
    fileprivate func isLike(_ other: Flow, _ attribute: FlowAttribute) -> Bool {
        guard attribute == .status else { return self == other }
        // Confirmed and expected say what an entry is, and stay.
        return status.symmetricDifference(other.status).isSubset(of: [.confirmed, .expected])
    }
}
