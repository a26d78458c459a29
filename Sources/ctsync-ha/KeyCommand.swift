internal import Agent
internal import ArgumentParser
internal import Bytes
internal import Configuration
internal import ControlProtocol

/// The subcommand `ctsync-ha key`, and what is below it.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make the keys that seal the link, and roll them over without a gap.",
        discussion: """
            To roll over: `key new FILE`; bring the file to the other node; `key add FILE` on both; `key use ID` on \
            both; `key remove OLD` on both; and write the new file into both configurations. What is ordered of a \
            running agent holds until it restarts.
            """,
        subcommands: [
            New.self, Add.self, Use.self, Remove.self, Stage.self, List.self,
        ])

    /// Makes a key.
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key: into a new file that only its owner may read, or on stdout.")

        @Option(help: "What datagrams name the key by, 1 to 255; by chance without it.")
        var id: UInt8?

        @Argument(help: "The new file.")
        var file: String?

        func validate() throws {
            if id == 0 { throw ValidationError("an id is 1 to 255") }
        }

        func run() throws {
            let key = KeyFile.make(id: id)
            guard let file else { return Output.print(String(decoding: key.content, as: UTF8.self)) }
            do throws(KeyFileFailure) { try key.create(file) } catch {
                Output.complain(error.text)
                try Outcome.failed.end()
            }
            Output.print("key \(key.id) in \(file)")
        }
    }

    /// Gives a running agent a key.
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let the agent open datagrams with a key; the first key of all seals them too.")

        @OptionGroup var control: ControlOptions

        @Argument(help: "The key's file.")
        var file: String

        func run() throws {
            var key: KeyFile
            do throws(KeyFileFailure) { key = try KeyFile.read(.path(file)) } catch {
                Output.complain(error.text)
                return try Outcome.failed.end()
            }
            guard let secret = KeySecret(key.secret) else { return try Outcome.failed.end() }
            key.secret.wipe()
            try control.order(.key(.add(id: key.id, secret)))
        }
    }

    /// Changes the key that seals.
    struct Use: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Seal with this key from now on.")

        @OptionGroup var control: ControlOptions

        @Argument(help: "The key's id.")
        var id: UInt8

        func run() throws { try control.order(.key(.use(id: id))) }
    }

    /// Takes a key away.
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a key up, and wipe it.")

        @OptionGroup var control: ControlOptions

        @Argument(help: "The key's id.")
        var id: UInt8

        func run() throws { try control.order(.key(.remove(id: id))) }
    }

    /// Changes the stage.
    struct Stage: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go to another stage of sealing: off, accept (both are taken), require.")

        @OptionGroup var control: ControlOptions

        @Argument(help: "The stage.")
        var stage: ControlProtocol.SealingStage

        func run() throws { try control.order(.key(.stage(stage))) }
    }

    /// Lists the keys.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the agent's keys, without their secrets.")

        @OptionGroup var control: ControlOptions

        @Flag(help: "Print JSON with stable keys.")
        var json = false

        func run() throws {
            try control.ask(.key(.list)) { reply in
                guard case .keys(let listing) = reply else { return }
                Output.print(json ? try Output.json(listing) : listing.text)
            }.end()
        }
    }
}
