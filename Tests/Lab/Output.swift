internal import Glibc
internal import LinuxIO

/// Hands printed lines on at once: whoever started this program waits for them.
func flushOutput() { _ = fflush(nil) }

/// Writes a progress line to the error stream.
func printProgress(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
}

/// Writes a report to a file, or to the output for `stdout`.
func writeReport(_ text: String, to path: String) throws(LabError) {
    if path == "stdout" {
        print(text)
        flushOutput()
        return
    }
    guard let file = unsafe fopen(path, "w") else { throw .report(path: path, SystemCallError("write")) }
    let line = text + "\n"
    let written = unsafe fputs(line, file)
    guard unsafe fclose(file) == 0, written >= 0 else { throw .report(path: path, SystemCallError("write")) }
}
