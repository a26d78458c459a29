public import StateMachine

/// What peers say about themselves: claims, terms, silence.
///
/// A *term* here is the one that the peer itself took last, never one that it heard of. Two masters keep all live
/// flows; when one of them is left it takes a term above both, so that what it says from then on counts everywhere, and
/// makes its windows anew, since packets may have gone through the other one.
extension RoleStateMachine {
    /// A peer, by its sender number, says that it is master, or becoming it, in a term.
    public mutating func peerClaimsMaster(
        _ peer: UInt64, term: UInt64, at now: Instant
    ) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        if terms.hear(term) == .implausible { actions.append(.reportImplausibleTerm(peer: peer, term: term)) }
        if let known = claims.firstIndex(where: { $0.peer == peer }) {
            claims[known].term = term
        } else if claims.count < Self.claimLimit {
            claims.append(Claim(peer: peer, term: term))
        }
        reviewClaims(at: now, &actions)
        return actions
    }

    /// A peer says that it is not master; `term` is the one it took last, 0 if it never did.
    public mutating func peerIsNotMaster(
        _ peer: UInt64, term: UInt64, at now: Instant
    ) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        let standing = terms.hear(term)
        if standing == .implausible { actions.append(.reportImplausibleTerm(peer: peer, term: term)) }
        claims.removeAll { $0.peer == peer }
        let ownTerm = terms.own
        reviewClaims(at: now, &actions)
        // Two nodes took the same number, or this one came back without its stored term.
        if standing == .equalOrHigher, state.claimsMaster, claims.isEmpty, terms.own == ownTerm {
            renewTerm(&actions)
        }
        return actions
    }

    /// A peer knows of a term whose master nobody hears: what is left of that master's words counts more than this
    /// node's, until it takes a higher one.
    public mutating func peerRemembers(_ term: UInt64, at now: Instant) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        guard terms.hear(term) != .implausible else { return actions }
        if state.claimsMaster, claims.isEmpty, terms.isSurpassed { renewTerm(&actions) }
        return actions
    }

    /// A peer is no longer heard; what it claimed is forgotten.
    public mutating func peerLost(_ peer: UInt64, at now: Instant) -> ActionList<RoleAction> {
        var actions = ActionList<RoleAction>()
        claims.removeAll { $0.peer == peer }
        reviewClaims(at: now, &actions)
        return actions
    }

    /// Starts or ends the episode of two masters as the claims and the state stand now.
    mutating func reviewClaims(at now: Instant, _ actions: inout ActionList<RoleAction>) {
        let highest = claims.max { $0.term < $1.term }
        if let highest, claims.count + (state.claimsMaster ? 1 : 0) >= 2 {
            twoMasters = TwoMasters(
                since: twoMasters?.since ?? now, peer: highest.peer, peerTerm: highest.term,
                includesThisNode: state.claimsMaster, isReported: twoMasters?.isReported ?? false)
            return
        }
        guard let ended = twoMasters else { return }
        twoMasters = nil
        if ended.isReported { actions.append(.reportTwoMastersEnded) }
        // A handover costs no second term: the one taken at the promotion is above the old master's already.
        let isLevel = terms.isSurpassed || ended.peerTerm >= terms.own
        if state.claimsMaster, ended.isReported || isLevel { renewTerm(&actions) }
    }

    /// Reports two masters once they outlast a handover.
    mutating func reportClaims(at now: Instant, _ actions: inout ActionList<RoleAction>) {
        guard var episode = twoMasters, !episode.isReported, episode.since + Self.handoverSpan <= now else { return }
        episode.isReported = true
        twoMasters = episode
        actions.append(.reportTwoMasters(episode))
    }

    private mutating func renewTerm(_ actions: inout ActionList<RoleAction>) {
        actions.append(.takeTerm(terms.takeNext()))
        guard case .master(let mastership) = state else { return }
        actions.append(.announceMaster(inSync: mastership.mayAnnounceInSync))
        actions.append(.renewWindows)
        // Peers retire an older origin at the end of a bulk of a higher term. One that waits for a recall follows it.
        if mastership.recallEnds == .never { actions.append(.bulk) }
    }
}
