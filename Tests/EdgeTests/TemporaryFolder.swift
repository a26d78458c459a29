import Glibc
import LinuxIO

/// A folder of a test's own, removed with what is in it.
struct TemporaryFolder: ~Copyable {
    let path: String

    init() {
        path = "/tmp/ctsync-ha-test-\(getpid())-\(KernelRandom.word() % 1_000_000_000)"
        precondition(mkdir(path, 0o700) == 0)
    }

    deinit {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { unlink("\(path)/\(name)") }
            }
            closedir(folder)
        }
        rmdir(path)
    }
}
