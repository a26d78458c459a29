/// What the sealing of a link counts: datagrams taken, refused by reason, and the questions that admit a sender.
public enum SealingCounter: UInt8, CaseIterable, Sendable {
    /// Sealed datagrams handed over.
    case sealedTaken
    /// Open datagrams handed over, in a stage that takes them.
    case openTaken
    /// Refused: sealed with a key that is not here.
    case unknownKey
    /// Refused: the seal is wrong, so a byte was changed or somebody forged it.
    case badSeal
    /// Refused: it was taken before, or is too old to tell.
    case replay
    /// Refused: its sender has not yet shown that it speaks now, in this run of its agent.
    case stale
    /// Refused: open, where sealing is required.
    case openRefused
    /// Refused: too short to be sealed, or no datagram of ours where sealing is required; a question that makes none.
    case malformed
    /// Refused: sealed for another link of this pair.
    case wrongLink
    /// Refused: this node's own datagram came back.
    case reflected
    /// Refused: more senders than a link has, all of them alive.
    case beyondSenders
    /// Challenges sent to senders who are not admitted.
    case challengesSent
    /// Answers sent to the challenges of others.
    case answersSent
    /// Challenges not answered, because there were too many of them.
    case answersHeldBack
    /// Answers that nobody here waits for: too late, or replayed.
    case answersUnasked
    /// Senders admitted because they answered.
    case sendersAdmitted
    /// Not sent: its sequence was sealed before, and the same nonce must never seal twice.
    case sequenceRepeated
    /// Not sent, since it could not be sealed.
    case unsealable
}
