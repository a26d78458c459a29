internal import Bytes
internal import Conntrack
internal import LinuxIO

/// What the rules of this network namespace do to flows beside tracking them.
///
/// Nil where it cannot be said: the old tables of iptables are not in nftables, and its extensions are opaque.
public struct RulesetSurvey: Sendable, Equatable {
    /// A rule makes the kernel track.
    public var needsTracking = false
    /// Whether a rule gives labels; the kernel takes labels from nobody without one (nf_connlabels_get).
    public var setsLabels: Bool?
    /// Whether a rule puts packets into a zone.
    public var setsZones: Bool?

    /// Reads the rules of the calling thread's namespace; milliseconds with thousands of them.
    public static func read() -> RulesetSurvey {
        var survey = RulesetSurvey()
        guard let search = try? Search.run() else { return survey }
        survey.needsTracking = search.needsTracking
        survey.setsLabels = search.setsLabels ? true : search.isWhole && !search.matchesLabels ? false : nil
        survey.setsZones = search.setsZones ? true : search.isWhole && !search.mayZone ? false : nil
        return survey
    }

    /// The number that the kernel gives each change of the rules, and whether there are rules that it does not count.
    struct Generation: Sendable, Equatable {
        let number: UInt32
        let hasOldTables: Bool

        /// The present one, without the changes that the hold has made; nil if it cannot be had.
        static func now(without changes: UInt32) -> Generation? {
            guard let number = try? RulesetSearch.generation() else { return nil }
            return Generation(number: number &- changes, hasOldTables: RulesetSearch.hasOldTables)
        }
    }

    /// What is found on the way through the rules.
    private struct Search {
        var needsTracking = false
        var setsLabels = false
        /// A rule reads labels, which makes room for them on younger kernels alone (nft_ct_get_init).
        var matchesLabels = false
        var setsZones = false
        /// An extension of iptables that may give a zone: `-j CT`.
        var mayZone = false
        /// Every rule was read.
        var isWhole = false

        /// Attributes of rules (enum nft_rule_attributes, nft_list_attributes, nft_expr_attributes, nft_ct_attributes;
        /// linux/netfilter/nf_tables.h); the names of a match and a target are their first, as an expression's is.
        private enum Number {
            static let ruleExpressions: UInt16 = 4
            static let element: UInt16 = 1
            static let name: UInt16 = 1
            static let data: UInt16 = 2
            static let ctKey: UInt16 = 2
            static let ctSource: UInt16 = 4
        }

        /// Keys of a ct expression (enum nft_ct_keys).
        private enum Key {
            static let labels: UInt32 = 13
            static let zone: UInt32 = 17
        }

        static func run() throws(NetlinkError) -> Search {
            var search = Search()
            search.isWhole = try RulesetSearch.walkRules { bytes in
                search.take(bytes)
                return true
            }
            if RulesetSearch.hasOldTables { search.isWhole = false }
            return search
        }

        private mutating func take(_ bytes: borrowing RawSpan) {
            var cursor = ByteCursor(bytes)
            while cursor.remaining > 0, let message = try? NetlinkMessage(bytes, &cursor) {
                // A rule's attributes stand behind its family (struct nfgenmsg).
                var payload = message.payload
                guard message.type == RulesetSearch.newRule, !RulesetSearch.isHold(message, bytes),
                    (try? payload.skip(4)) != nil
                else { continue }
                var attributes = AttributeList(payload)
                while let attribute = try? attributes.next(bytes) {
                    guard attribute.number == Number.ruleExpressions else { continue }
                    var elements = attribute.list
                    while let element = try? elements.next(bytes) {
                        if element.number == Number.element { takeExpression(element.list, bytes) }
                    }
                }
            }
        }

        private mutating func takeExpression(_ list: AttributeList, _ bytes: borrowing RawSpan) {
            var attributes = list
            var name = ""
            var data: AttributeList?
            while let attribute = try? attributes.next(bytes) {
                switch attribute.number {
                case Number.name: name = attribute.name(bytes, limit: 31)?.text ?? ""
                case Number.data: data = attribute.list
                default: break
                }
            }
            guard let data else { return }
            switch name {
            case "ct":
                needsTracking = true
                takeTracking(data, bytes)
            case "nat", "masq", "redir": needsTracking = true
            case "match": takeMatch(named: Self.extensionName(data, bytes))
            case "target" where Self.extensionName(data, bytes) == "CT": mayZone = true
            default: break
            }
        }

        /// Extensions of iptables that register tracking (nf_ct_netns_get in net/netfilter/xt_*.c).
        private mutating func takeMatch(named name: String?) {
            switch name {
            case "conntrack", "state", "connmark", "connbytes": needsTracking = true
            case "connlabel":
                needsTracking = true
                setsLabels = true
            default: break
            }
        }

        /// A ct expression that has a source register sets what its key names.
        private mutating func takeTracking(_ list: AttributeList, _ bytes: borrowing RawSpan) {
            var attributes = list
            var key: UInt32?
            var sets = false
            while let attribute = try? attributes.next(bytes) {
                switch attribute.number {
                case Number.ctKey: key = try? attribute.uint32(bytes)
                case Number.ctSource: sets = true
                default: break
                }
            }
            if key == Key.labels { if sets { setsLabels = true } else { matchesLabels = true } }
            guard sets else { return }
            if key == Key.zone { setsZones = true }
        }

        private static func extensionName(_ list: AttributeList, _ bytes: borrowing RawSpan) -> String? {
            var attributes = list
            while let attribute = try? attributes.next(bytes) {
                if attribute.number == Number.name { return attribute.name(bytes, limit: 31)?.text }
            }
            return nil
        }
    }
}
