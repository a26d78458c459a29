internal import ArgumentParser
internal import Glibc

// keepalived waits for nobody and a takeover waits for this: a notification goes out before any parser is built.
if CommandLine.arguments.dropFirst().first == "notify",
    let outcome = NotifyCommand.runQuickly(Array(CommandLine.arguments.dropFirst(2)))
{
    exit(outcome.rawValue)
}
CtsyncHA.main()
