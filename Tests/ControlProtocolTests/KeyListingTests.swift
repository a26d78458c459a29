import ControlProtocol
import FoundationEssentials
import Testing

@Suite struct KeyListingTests {
    @Test func `a listing names the stage and each key, and fits a terminal`() {
        #expect(
            Sample.keys.text == """
                sealing require
                ID   FINGERPRINT  SEALS  OPENED      LAST
                7    00c0ffee     yes    1234        now
                8    deadbeef     no     0           never

                """)
        #expect(KeyListing(stage: .off, keys: []).text == "sealing off\nno key: the link is open\n")
    }

    @Test func `its JSON has stable keys, and null for what is unknown`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let text = String(decoding: try encoder.encode(Sample.keys), as: UTF8.self)
        #expect(
            text == #"{"keys":[{"fingerprint":"00c0ffee","id":7,"last_opened_ms":300,"opened":1234,"seals":true},"#
                + #"{"fingerprint":"deadbeef","id":8,"last_opened_ms":null,"opened":0,"seals":false}],"#
                + #""schema":1,"stage":"require"}"#)
    }

    @Test func `a secret keeps its bytes and shows none`() throws {
        #expect(KeySecret([1, 2, 3]) == nil)
        #expect(Sample.secret.bytes == Array(1...32))
        #expect("\(Sample.secret)" == "secret")
        var dumped = ""
        dump(ControlRequest.key(.add(id: 1, Sample.secret)), to: &dumped)
        #expect(dumped.contains("secret") && !dumped.contains("72623859790382856"))
    }
}
