/// The targets of Package.swift and what they depend on, read from its text.
///
/// The text and not `swift package dump-package`: that would wait for the lock which the running `swift test` holds.
struct Manifest {
    struct Target {
        let kind: String
        let name: String
        /// Targets of this package.
        var dependencies: Set<String> = []
        /// Products of others.
        var products: Set<String> = []
    }

    let targets: [Target]

    init(_ text: String) {
        let lines = text.split(separator: "\n").map { line in
            line.drop { $0 == " " }.hasPrefix("//") ? "" : String(line)
        }
        var rest = lines.joined(separator: "\n")[...]
        var found: [Target] = []
        while let call = Self.nextCall(in: rest) {
            found.append(Self.target(call.kind, call.body))
            rest = rest[call.body.endIndex...]
        }
        targets = found
    }

    subscript(name: String) -> Target? { targets.first { $0.name == name } }

    private static let kinds = ["target", "executableTarget", "testTarget", "systemLibrary"]

    private static func nextCall(in text: Substring) -> (kind: String, body: Substring)? {
        let opens = kinds.compactMap { kind in
            text.firstRange(of: ".\(kind)(").map { (kind: kind, range: $0) }
        }
        guard let first = opens.min(by: { $0.range.lowerBound < $1.range.lowerBound }) else { return nil }
        return (first.kind, balanced(text[first.range.upperBound...], "(", ")"))
    }

    /// The text up to the sign that closes what was opened just before it.
    private static func balanced(_ text: Substring, _ open: Character, _ close: Character) -> Substring {
        var depth = 1
        for index in text.indices {
            if text[index] == open { depth += 1 }
            if text[index] == close { depth -= 1 }
            if depth == 0 { return text[..<index] }
        }
        return text
    }

    private static func target(_ kind: String, _ body: Substring) -> Target {
        var target = Target(kind: kind, name: quoted(in: body).first ?? "")
        guard let list = body.firstRange(of: "dependencies: [") else { return target }
        var plain = ""
        var rest = balanced(body[list.upperBound...], "[", "]")
        while let product = rest.firstRange(of: ".product(") {
            let call = balanced(rest[product.upperBound...], "(", ")")
            if let name = quoted(in: call).first { target.products.insert(name) }
            plain += rest[..<product.lowerBound]
            rest = rest[call.endIndex...]
        }
        target.dependencies = Set(quoted(in: (plain + rest)[...]))
        return target
    }

    private static func quoted(in text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .compactMap { $0.offset % 2 == 1 ? String($0.element) : nil }
    }
}
