import Bytes
import Conntrack
import Testing

@testable import Replication

@Suite struct KeyedTableTests {
    /// One of each way in which a flow is kept, and of each reason for it.
    static let flows: [Flow] = {
        let ipv4 = ChangeLogTests.flow(1, mark: 7)
        var ipv6 = ipv4
        for path in [\Flow.original, \Flow.reply] {
            ipv6[keyPath: path].family = .ipv6
            ipv6[keyPath: path].source.high = 0x2001_0db8_0000_0001
            ipv6[keyPath: path].destination.low |= 0xffff_ffff_0000_0000
        }
        var flows = [ipv4, ipv6]
        let changes: [(inout Flow) -> Void] = [
            { $0.tcp = nil },
            { $0.state = .sctp(SCTPInfo(state: .established, originalTag: 1, replyTag: .max)) },
            { $0.state = .dccp(DCCPInfo(state: .open, originalIsServer: true, handshakeSequence: 1 << 47)) },
            { $0.master = $0.reply },
            { $0.extensions.helper = KernelName("ftp") ?? .none },
            { $0.extensions.labels.high = 1 },
            { $0.extensions.sequence.reply.after = -3 },
            { $0.extensions.synproxy.timestampOffset = 9 },
            { $0.reply.zone = 3 },
            { $0.original.zone = 3 },
            { $0.reply.protocol = .udp },
            { $0.reply.family = $0.original.family == .ipv4 ? .ipv6 : .ipv4 },
            { $0.status = FlowStatus(rawValue: 1 << 16) },
            { $0.status = FlowStatus(rawValue: 0xffff) },
            { $0.timeout = .max },
            {
                $0.reply.source.high = .max
                $0.reply.source.low = .max
            },
        ]
        for flow in [ipv4, ipv6] {
            for change in changes {
                var changed = flow
                change(&changed)
                flows.append(changed)
            }
        }
        return flows
    }()

    @Test(arguments: flows.indices)
    func `a flow comes back as it was stored, and is found`(index: Int) {
        var table = KeyedTable<Flow, UInt8>(key: SipHash.Key(1, 2))
        let flow = Self.flows[index]
        let slot = table.insert(flow, 5)
        #expect(table.subject(at: slot) == flow && table[slot] == 5)
        #expect(table.find(flow.original) == slot)
        #expect(table.find(flow.reply) == (flow.reply == flow.original ? slot : nil))
        table.remove(slot)
        #expect(table.find(flow.original) == nil && table.count == 0)
    }

    @Test func `a flow may change from each form into each`() {
        for before in Self.flows {
            for var after in Self.flows where after.original.family == before.original.family {
                after.original = before.original
                var table = KeyedTable<Flow, UInt8>(key: SipHash.Key(1, 2))
                let slot = table.insert(before, 1)
                table.replace(at: slot, by: after)
                #expect(table.subject(at: slot) == after && table.find(before.original) == slot)
                table.replace(at: slot, by: before)
                #expect(table.subject(at: slot) == before)
                table.remove(slot)
            }
        }
    }

    @Test func `addresses that differ in their upper bits alone are others`() {
        var table = KeyedTable<Flow, UInt8>(key: SipHash.Key(1, 2))
        let flow = Self.flows[1]
        var other = flow
        other.original.source.high += 1
        #expect(flow.original.hash(SipHash.Key(1, 2)) != other.original.hash(SipHash.Key(1, 2)))
        let slot = table.insert(flow, 1)
        let second = table.insert(other, 2)
        #expect(table.find(flow.original) == slot && table.find(other.original) == second)
    }

    @Test func `a flow of IPv4 takes 44 bytes beside its note, one of IPv6 48 more`() {
        #expect(MemoryLayout<CompactFlow>.size <= 44 && MemoryLayout<UpperAddressBits>.size == 48)
        #expect(MemoryLayout<ChangeLog.FlowNote>.size <= 32 && MemoryLayout<ExternalCache<Flow>.Note>.size <= 20)
    }
}
