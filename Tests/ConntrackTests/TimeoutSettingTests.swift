import Conntrack
import Testing

@Suite struct TimeoutSettingTests {
    @Test func `every setting has a place and a name of its own`() {
        var timeouts = ProtocolTimeouts()
        for setting in TimeoutSetting.allCases { timeouts[setting] = 1_000 + UInt32(setting.rawValue) }
        for setting in TimeoutSetting.allCases { #expect(timeouts[setting] == 1_000 + UInt32(setting.rawValue)) }
        #expect(Set(TimeoutSetting.allCases.map(\.sysctl)).count == TimeoutSetting.allCases.count)
    }

    @Test(
        arguments: [
            (.tcpEstablished, 432_000), (.tcpLastACK, 30), (.udpStream, 120), (.sctpEstablished, 210), (.generic, 600),
        ] as [(TimeoutSetting, UInt32)])
    func `a setting is the timeout that its name says`(setting: TimeoutSetting, seconds: UInt32) {
        #expect(ProtocolTimeouts()[setting] == seconds)
    }
}
