import LabSupport
import Netfilter
import Testing

/// Without the right, the agent says so at the start.
@Suite(.enabled(if: !Lab.isPrivileged)) struct PermissionTests {
    @Test func `a writer without CAP_NET_ADMIN is refused`() {
        #expect(throws: ConntrackError.notPermitted) { _ = try ConntrackWriter.open().portID }
    }

    @Test func `a listener without CAP_NET_ADMIN is refused`() {
        #expect(throws: ConntrackError.notPermitted) { _ = try ConntrackEvents.open(receiveBuffer: 65_536).rawValue }
    }
}
