import Configuration
import Testing

@Suite struct KeepalivedFileTests {
    static let text = """
        ! comment of keepalived's kind
        global_defs {
            router_id r1   # another
            script_user keepalived_script
        }
        vrrp_sync_group syncgrp {
            group {
                VI_lan
                VI_wan
            }
            notify "/usr/sbin/ctsync-ha notify"
        }
        include instances/*.conf
        vrrp_sync_group lonely { group { VI_x VI_y } }
        """
    static let files = [
        "/k/keepalived.conf": text,
        "/k/instances/lan.conf": """
        vrrp_instance VI_lan {
            interface eth0
            use_vmac
            virtual_router_id 10
            virtual_ipaddress {
                192.168.10.1/24 dev eth0 label eth0:1
                192.168.10.2 dev eth0.7
            }
            virtual_ipaddress_excluded {
                2001:db8:10::1/64
            }
            authentication { auth_type PASS; auth_pass x }
        }
        """,
        "/k/instances/wan.conf": """
        vrrp_instance VI_wan
        {
            interface eth1
            virtual_ipaddress { 203.0.113.1/24 dev eth1 }
        }
        vrrp_instance VI_x { virtual_ipaddress { $VIP } }
        """,
    ]

    @Test func `a group's addresses are those of its instances`() {
        let file = KeepalivedFile.read(path: "/k/keepalived.conf", loader: MemoryLoader(files: Self.files))
        #expect(file.syncGroups.map(\.name) == ["syncgrp", "lonely"])
        #expect(file.syncGroups.map(\.members) == [["VI_lan", "VI_wan"], ["VI_x", "VI_y"]])
        #expect(file.instances.map(\.interface) == ["eth0", "eth1", nil])
        #expect(file.scriptUser == "keepalived_script")
        #expect(
            file.virtualAddresses(ofGroup: "syncgrp")?.map(\.description)
                == ["192.168.10.1", "192.168.10.2", "2001:db8:10::1", "203.0.113.1"])
        #expect(file.virtualAddresses(ofGroup: "VI_wan")?.map(\.description) == ["203.0.113.1"])
        #expect(file.virtualAddresses(ofGroup: "lonely") == [])
        #expect(file.virtualAddresses(ofGroup: "nobody") == nil)
        #expect(file.carriers(ofGroup: "syncgrp") == ["eth0", "eth0.7", "vrrp.10", "eth1"])
        #expect(file.carriers(ofGroup: "VI_wan") == ["eth1"] && file.carriers(ofGroup: "nobody").isEmpty)
        #expect(
            file.problems.map(\.description) == [
                "/k/instances/wan.conf:6:42: warning: `$VIP` is no address; "
                    + "name it with `virtual-address` in the agent's file"
            ])
    }

    @Test(arguments: [
        ("syncgrp", []), ("syncgrpp", ["did you mean `syncgrp`?"]), ("other", ["it has: syncgrp lonely"]),
        ("lonely", ["write `virtual-address ADDRESS`"]),
    ])
    func `a group that keepalived does not have is told`(group: String, remedies: [String]) throws {
        let file = KeepalivedFile.read(path: "/k/keepalived.conf", loader: MemoryLoader(files: Self.files))
        let configuration = try #require(read("interface sync0; vrrp { sync-group \(group) }").configuration)
        let mismatches = file.mismatches(with: configuration, at: FilePosition("/r1.conf", 1, 1))
        #expect(mismatches.map(\.remedy) == remedies)
        #expect(mismatches.allSatisfy { $0.severity == .warning })
    }

    @Test func `a missing file is a warning and has no groups`() {
        let file = KeepalivedFile.read(path: "/none", loader: MemoryLoader(files: [:]))
        #expect(file.syncGroups.isEmpty)
        #expect(
            file.problems.map(\.description) == [
                "/none:1:1: warning: /none does not exist; "
                    + "name it with `keepalived { config PATH }`, or write `virtual-address` leaves"
            ])
    }
}
