import Conntrack
import Testing

@Suite struct ExpectationSelectionTests {
    @Test(arguments: [
        ("ftp", true), ("ftp-2121", true), ("Q.931", true), ("netbios-ns", true), ("netbios-ns-1", true),
        ("tftp", false), ("ft", false), ("ftp-", false), ("ftp-2a", false), ("ftp2121", false), ("-21", false),
        ("netbios", false), ("q.931", false),
    ])
    func `a name stands for the helper on every port`(text: String, accepted: Bool) throws {
        let helper = try #require(KernelName(text))
        let selection = HelperSelection.named(Set(["ftp", "Q.931", "netbios-ns"].compactMap { KernelName($0) }))
        #expect(selection.accepts(helper) == accepted)
        #expect(HelperSelection.all.accepts(helper))
        #expect(!HelperSelection.none.accepts(helper))
    }

    @Test func `an expectation without a helper is in no selection of names`() throws {
        #expect(HelperSelection.all.accepts(.none))
        #expect(!HelperSelection.named([try #require(KernelName("ftp"))]).accepts(.none))
    }
}
