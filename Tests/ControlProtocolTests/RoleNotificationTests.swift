import ControlProtocol
import Testing

@Suite struct RoleNotificationTests {
    @Test(arguments: [
        (["GROUP", "syncgrp", "MASTER", "0"], RoleNotification(.group, name: "syncgrp", .master, priority: 0)),
        (["INSTANCE", "VI 1", "BACKUP", "100"], RoleNotification(.instance, name: "VI 1", .backup, priority: 100)),
        (["GROUP", "g", "FAULT"], RoleNotification(.group, name: "g", .fault)),
        (["GROUP", "g", "STOP"], RoleNotification(.group, name: "g", .stop)),
        (["INSTANCE", "i", "DELETED", "255"], RoleNotification(.instance, name: "i", .deleted, priority: 255)),
    ])
    func `keepalived's words are understood in its order`(words: [String], expected: RoleNotification) throws {
        #expect(try RoleNotification(arguments: words) == expected)
    }

    @Test(arguments: [
        ([], "expected TYPE NAME STATE [PRIORITY], got 0 words"),
        (["GROUP", "g"], "expected TYPE NAME STATE [PRIORITY], got 2 words"),
        (["GROUP", "g", "MASTER", "1", "2"], "expected TYPE NAME STATE [PRIORITY], got 5 words"),
        (["group", "g", "MASTER"], "unknown type `group`: expected GROUP or INSTANCE"),
        (["MASTER", "GROUP", "g"], "unknown type `MASTER`: expected GROUP or INSTANCE"),
        (["VS\u{1b}[2J", "g", "UP"], "unknown type `VS?[2J`: expected GROUP or INSTANCE"),
        (["GROUP", "", "MASTER"], "the name of the group or instance is empty or longer than 255 bytes"),
        (["GROUP", "g", "INIT"], "unknown state `INIT`: expected MASTER, BACKUP, FAULT, STOP or DELETED"),
        (["GROUP", "g", "MASTER", "256"], "unknown priority `256`: expected 0 to 255"),
        (["GROUP", "g", "MASTER", "-1"], "unknown priority `-1`: expected 0 to 255"),
    ])
    func `other words are refused with what was expected`(words: [String], reason: String) {
        #expect(throws: RoleNotification.Refusal(reason: reason)) { try RoleNotification(arguments: words) }
    }
}
