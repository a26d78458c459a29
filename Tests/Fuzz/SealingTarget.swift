/// Two nodes whose link is sealed, others that have the key too, and somebody who keeps, changes and repeats all that
/// ever was on the wire, across restarts of either node and while keys roll.
///
/// Whatever happens, nothing is taken twice, nothing is taken that was not sent, nothing open is taken where sealing is
/// required, and no nonce seals twice.
enum SealingTarget {
    private static let stepLimit = 256

    static func take(_ bytes: [UInt8]) throws(FuzzFailure) {
        var run = SealingRun()
        var input = FuzzInput(bytes)
        var steps = 0
        while !input.isEmpty, steps < stepLimit {
            steps += 1
            try run.step(&input)
        }
        try run.recover()
    }

    static var seeds: [[UInt8]] {
        // Kinds of steps and what they take: see SealingRun.
        let met: [UInt8] = [0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0]
        let rolled: [UInt8] = [6, 0, 0, 1, 6, 1, 0, 1, 6, 1, 1, 1, 0, 1, 1, 0, 6, 0, 2, 0]
        return [
            met, met + rolled + [0, 1, 1, 0], met + [4, 1, 1, 1, 3, 9, 0, 1, 1, 0], met + [5, 0, 1, 1, 0, 1, 0, 1, 0],
            met + [2, 1, 5, 9, 7, 0, 8, 3, 8, 4, 1, 2],
        ]
    }
}
