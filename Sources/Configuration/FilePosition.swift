/// A place in a configuration file.
public struct FilePosition: Hashable, Sendable, CustomStringConvertible {
    /// The file's path as the loader gave it.
    public var file: String
    /// The line, from 1.
    public var line: Int
    /// The column, from 1, in code points; a tab is one.
    public var column: Int

    /// Makes a place.
    public init(_ file: String, _ line: Int, _ column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `FILE:LINE:COLUMN`, as compilers write it and editors follow it.
    public var description: String { "\(file):\(line):\(column)" }
}
