import Configuration
import Glibc
import Testing

@testable import Agent

@Suite struct KeyFileTests {
    static let digits = String(repeating: "0f", count: 31) + "Fe"

    @Test(
        arguments: [
            ("7 \(digits)\n", UInt8(7)), ("# a key\n\n  255\t\(digits)  # mine\r\n", 255), ("1 \(digits)", 1),
        ] as [(String, UInt8)])
    func `a key file is one line with an id and 64 digits`(text: String, id: UInt8) throws {
        let file = try #require(KeyFile(parsing: Array(text.utf8)))
        #expect(file.id == id && file.secret == [UInt8](repeating: 15, count: 31) + [0xfe])
    }

    @Test(
        arguments: [
            "", "# nothing\n", "7\n", digits, "0 \(digits)", "256 \(digits)", "x \(digits)", "7 \(digits)0",
            "7 0" + digits, "7 " + digits.dropLast(), "7 " + digits.dropLast() + "g", "7 \(digits)\n8 \(digits)",
            "7 \(digits) 8",
        ] as [String])
    func `anything else is no key`(text: String) { #expect(KeyFile(parsing: Array(text.utf8)) == nil) }

    @Test func `a new key reads as it was written, only its owner may, and it is not overwritten`() throws {
        let path = "/tmp/ctsync-ha-key-\(getpid())"
        defer { unlink(path) }
        let key = KeyFile.make(id: nil)
        #expect(key.id > 0 && KeyFile.make(id: 3).id == 3 && KeyFile.make(id: 3).secret != key.secret)
        try key.create(path)
        let read = try KeyFile.read(.path(path))
        #expect(read.id == key.id && read.secret == key.secret)
        #expect(throws: KeyFileFailure.self) { try key.create(path) }
        for mode in [0o640, 0o604, 0o660, 0o644, 0o602] as [mode_t] {
            chmod(path, mode)
            #expect(throws: KeyFileFailure.self, "mode \(mode)") { try KeyFile.read(.path(path)) }
        }
        chmod(path, 0o400)
        #expect(try KeyFile.read(.path(path)).id == key.id)
    }

    @Test func `what is no readable file is told by its reason`() {
        #expect(throws: KeyFileFailure.self) { try KeyFile.read(.path("/nonexistent/key")) }
        #expect(throws: KeyFileFailure.self) { try KeyFile.read(.path("/tmp")) }
        #expect(throws: KeyFileFailure.self) { try KeyFile.read(.path("/dev/null")) }
    }

    @Test func `a credential may show its reader in the group's bits`() throws {
        let folder = "/tmp/ctsync-ha-credentials-\(getpid())"
        mkdir(folder, 0o700)
        defer {
            unlink(folder + "/sync")
            rmdir(folder)
        }
        try KeyFile.make(id: 9).create(folder + "/sync")
        #expect(throws: KeyFileFailure.noCredentials("sync")) { try KeyFile.read(.credential("sync")) }
        setenv("CREDENTIALS_DIRECTORY", folder, 1)
        defer { unsetenv("CREDENTIALS_DIRECTORY") }
        chmod(folder + "/sync", 0o440)
        #expect(try KeyFile.read(.credential("sync")).id == 9)
        chmod(folder + "/sync", 0o444)
        #expect(throws: KeyFileFailure.self) { try KeyFile.read(.credential("sync")) }
    }
}
