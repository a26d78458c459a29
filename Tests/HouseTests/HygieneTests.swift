import FoundationEssentials
import Testing

/// What a reviewer would otherwise have to say every time.
@Suite struct HygieneTests {
    /// Targets whose job is to hold bytes, descriptors or C objects.
    static let unsafeTargets: Set = ["Bytes", "LinuxIO", "Netfilter", "SyncTransport", "RoleSources", "Systemd"]
    /// Single files elsewhere, with the reason.
    static let unsafeFiles: [String: String] = [:]
    /// Files above the limit of lines, with the reason.
    static let longFiles: [String: String] = [:]
    static let lineLimit = 400
    static let folders: Set = ["Sources", "Tests", "Hooks", "Units", "Examples", ".ci"]
    /// Where a text of the project may point.
    static let hosts: Set = [
        "github.com", "www.gnu.org", "www.kernel.org", "docs.kernel.org", "git.kernel.org", "netfilter.org",
        "www.netfilter.org", "keepalived.org", "www.keepalived.org", "www.keepalived.readthedocs.io",
        "www.rfc-editor.org", "datatracker.ietf.org", "www.iana.org", "swift.org", "www.swift.org", "docs.swift.org",
        "clusterlabs.org", "docs.vyos.io", "docs.openstack.org", "keepachangelog.com", "semver.org", "prometheus.io",
        "manpages.debian.org", "man7.org", "www.freedesktop.org", "example.com", "example.org", "localhost",
    ]

    @Test func `nothing but the rooms of the house stands at the top`() {
        for name in House.topLevel {
            var isFolder = false
            _ = FileManager.default.fileExists(atPath: House.root + "/" + name, isDirectory: &isFolder)
            #expect(!isFolder || Self.folders.contains(name), "what is \(name)?")
        }
    }

    @Test func `unsafe is at home in a few places`() {
        var count: [String: Int] = [:]
        for file in House.sources {
            let words = SwiftText(file.text).words.filter { $0 == "unsafe" || $0 == "@unsafe" }
            guard !words.isEmpty else { continue }
            count[file.target, default: 0] += words.count
            #expect(
                Self.unsafeTargets.contains(file.target) || Self.unsafeFiles[file.path] != nil,
                "\(file.path) contains unsafe")
        }
        print("unsafe:", count.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    }

    @Test func `nobody vouches for what the compiler can check`() {
        for file in House.swift {
            let code = SwiftText(file.text).code
            #expect(!code.contains("@unchecked"), "\(file.path) contains @unchecked")
            #expect(!code.contains("try!"), "\(file.path) contains try!")
            #expect(!code.contains("@preconcurrency"), "\(file.path) contains @preconcurrency")
        }
    }

    @Test func `what crosses a target is public, never package`() {
        let declared: Set<Substring> = [
            "func", "var", "let", "struct", "enum", "class", "protocol", "extension", "init", "import", "static",
            "typealias", "subscript", "final", "mutating",
        ]
        for file in House.sources {
            let words = SwiftText(file.text).words
            for (word, next) in zip(words, words.dropFirst()) where word == "package" {
                #expect(!declared.contains(next), "\(file.path) has a package \(next)")
            }
        }
    }

    @Test func `no mark of unfinished work is left`() {
        // In halves, or this file would be the first to fail.
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        for file in House.files where file.path != "LICENSE" {
            for mark in marks {
                let found = file.text.split { !$0.isLetter }.contains { $0 == mark }
                #expect(!found, "\(file.path) contains \(mark)")
            }
        }
    }

    @Test func `files are short enough to be read at once`() {
        for file in House.swift where Self.longFiles[file.path] == nil {
            #expect(file.lines.count <= Self.lineLimit, "\(file.path) has \(file.lines.count) lines")
        }
        for path in Self.longFiles.keys {
            let lines = House.swift.first { $0.path == path }?.lines.count ?? 0
            #expect(lines > Self.lineLimit, "\(path) needs no exception any more")
        }
    }

    @Test func `a file is named after what it holds`() {
        for file in House.files {
            for word in ["Util", "Helper", "Manager", "Misc", "Common"] {
                #expect(!file.name.contains(word), "\(file.path) is named after nothing")
            }
        }
    }

    @Test func `no line is longer than 120 signs and none ends in a blank`() {
        for file in House.swift {
            for (number, line) in file.lines.enumerated() {
                #expect(line.count <= 120, "\(file.path):\(number + 1) is long")
                #expect(line.last != " " && line.last != "\t", "\(file.path):\(number + 1) ends in a blank")
            }
        }
    }

    @Test func `nothing names the machine that it was built on`() {
        // A root like /ctsync-ha is no trace of a machine: the project's own paths begin like it.
        let depth = House.root.split(separator: "/").count
        let homes = ["/home/", "/Users/"] + (depth > 1 ? [House.root + "/"] : [])
        for file in House.files where file.path != "LICENSE" && !file.path.hasPrefix("Tests/HouseTests/") {
            for home in homes { #expect(!file.text.contains(home), "\(file.path) contains \(home)") }
        }
    }

    @Test func `every address of the web is a public one`() {
        for file in House.files where file.path != "LICENSE" {
            for scheme in ["https" + "://", "http" + "://"] {
                for rest in file.text.split(separator: scheme, omittingEmptySubsequences: false).dropFirst() {
                    let host = rest.prefix { $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" }
                    let isNumeric = host.allSatisfy { $0.isNumber || $0 == "." }
                    #expect(
                        isNumeric || Self.hosts.contains(String(host)), "\(file.path) points at \(host)")
                }
            }
        }
    }
}
