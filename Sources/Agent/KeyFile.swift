internal import Bytes
public import Configuration
internal import Glibc
internal import LinuxIO
internal import SyncTransport

/// The file of one key: lines of comment, and one line with its id and 64 hexadecimal digits.
public struct KeyFile: Sendable {
    /// Bytes of a file at most: room for a comment.
    static let sizeLimit = 4096

    /// What datagrams name the key by, 1 to 255.
    public let id: UInt8
    /// The 32 bytes of the key; whoever takes them wipes them.
    public var secret: [UInt8]

    /// Makes a new key; of chance, unless an id is given.
    public static func make(id: UInt8?) -> KeyFile {
        var secret: [UInt8] = []
        secret.reserveCapacity(SealKey.secretSize)
        while secret.count < SealKey.secretSize {
            let word = KernelRandom.word()
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                secret.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return KeyFile(id: id ?? UInt8(1 + KernelRandom.word() % 255), secret: secret)
    }

    /// The key as a file's bytes.
    public var content: [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var content = Array(
            "# A key of ctsync-ha's link: whoever reads it can forge what the nodes tell each other.\n".utf8)
        content.reserveCapacity(content.count + 80)
        content += Array("\(id) ".utf8)
        for byte in secret {
            content.append(digits[Int(byte >> 4)])
            content.append(digits[Int(byte & 15)])
        }
        content.append(UInt8(ascii: "\n"))
        return content
    }

    /// Reads a key file.
    public static func read(_ place: KeyFileConfiguration.Place) throws(KeyFileFailure) -> KeyFile {
        let (path, isCredential) = try resolve(place)
        var content: [UInt8]
        do throws(SecretFile.ReadFailure) {
            content = try SecretFile.read(path, limit: sizeLimit, isCredential: isCredential)
        } catch { throw .unreadable(path, error.reason) }
        defer { content.wipe() }
        guard let file = KeyFile(parsing: content) else { throw .malformed(path) }
        return file
    }

    /// What is wrong with the key files of a configuration.
    ///
    /// A credential is there only where the service manager starts the agent, so it is not looked for.
    public static func problems(of configuration: AgentConfiguration) -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        var ids: Set<UInt8> = []
        for file in configuration.keyFiles {
            guard case .path = file.place else { continue }
            do throws(KeyFileFailure) {
                let key = try read(file.place)
                if !ids.insert(key.id).inserted { throw .sameID(key.id) }
            } catch {
                let parts = error.text.split(separator: "; ", maxSplits: 1)
                problems.append(
                    ConfigurationProblem(
                        .error, file.position, parts.first.map(String.init) ?? error.text,
                        remedy: parts.count > 1 ? String(parts[1]) : "write another file"))
            }
        }
        return problems
    }

    /// Writes the key to a new file that only its owner may read.
    public func create(_ path: String) throws(KeyFileFailure) {
        var content = content
        defer { content.wipe() }
        do throws(SecretFile.CreateFailure) { try SecretFile.create(path, with: content) } catch {
            switch error {
            case .exists: throw .unwritable(path, "it is there already, and a key is not overwritten")
            case .system(let error): throw .unwritable(path, "\(error)")
            }
        }
    }

    /// The key for sealing; the secret here is wiped.
    mutating func takeSealKey() -> SealKey? { SealKey(id: id, wiping: &secret) }

    private static func resolve(
        _ place: KeyFileConfiguration.Place
    ) throws(KeyFileFailure) -> (path: String, isCredential: Bool) {
        switch place {
        case .path(let path): return (path, false)
        case .credential(let name):
            guard let folder = Environment.value(of: "CREDENTIALS_DIRECTORY"), !folder.isEmpty else {
                throw .noCredentials(name)
            }
            return ("\(folder)/\(name)", true)
        }
    }

    init(id: UInt8, secret: [UInt8]) {
        self.id = id
        self.secret = secret
    }

    /// Understands a file's bytes; nil if they are not one key.
    init?(parsing content: [UInt8]) {
        var found: KeyFile?
        for line in content.split(separator: UInt8(ascii: "\n")) {
            let words = line.prefix { $0 != UInt8(ascii: "#") }
                .split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
            if words.isEmpty { continue }
            guard found == nil, words.count == 2, let id = UInt8(String(decoding: words[0], as: UTF8.self)), id != 0,
                words[1].count == 2 * SealKey.secretSize
            else { return nil }
            var secret: [UInt8] = []
            secret.reserveCapacity(SealKey.secretSize)
            var high: UInt8?
            for digit in words[1] {
                guard let value = Self.value(ofDigit: digit) else { return nil }
                if let first = high {
                    secret.append(first << 4 | value)
                    high = nil
                } else {
                    high = value
                }
            }
            found = KeyFile(id: id, secret: secret)
        }
        guard let found else { return nil }
        self = found
    }

    private static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Why a key file cannot be used; each says what was wrong and what to do.
public enum KeyFileFailure: Error, Sendable, Equatable {
    case noCredentials(String)
    case unreadable(String, String)
    case unwritable(String, String)
    case malformed(String)
    case sameID(UInt8)

    /// The sentence for the operator.
    public var text: String {
        switch self {
        case .noCredentials(let name):
            "the key `\(name)` is a credential, and the service manager gave none; write LoadCredential=\(name) in the "
                + "unit, or an absolute path"
        case .unreadable(let path, let reason): "the key file \(path) cannot be used: \(reason)"
        case .unwritable(let path, let reason): "the key file \(path) cannot be made: \(reason)"
        case .malformed(let path):
            "the key file \(path) holds no key; it is one line with an id from 1 to 255 and 64 hexadecimal digits, as "
                + "`ctsync-ha key new` writes it"
        case .sameID(let id): "two key files have the id \(id); make one anew with `ctsync-ha key new --id`"
        }
    }
}

extension SecretFile.ReadFailure {
    /// The end of a sentence.
    fileprivate var reason: String {
        switch self {
        case .missing: "there is none; make one with `ctsync-ha key new`"
        case .notAFile: "it is no file"
        case .open(let mode): "others may read or change it (mode 0\(String(mode, radix: 8))); chmod 600 it"
        case .foreign(let owner): "it belongs to user \(owner); chown it to root or to the agent's user"
        case .tooLarge: "it is larger than \(KeyFile.sizeLimit) bytes"
        case .system(let error): "\(error)"
        }
    }
}
