/// Where the parts of the two-router lab stand.
struct FidelityNamespaces {
    var lan: String
    var wan: String
    /// The router that is master at first.
    var first: String
    /// Its successor.
    var second: String

    /// The namespaces of the lab with a directory, named as Examples/two-routers/topology.sh names them.
    init(directory: String) {
        let suffix = directory.split(separator: ".").last.map(String.init) ?? ""
        func name(_ node: String) -> String { "ctlab-\(suffix)-\(node)" }
        lan = name("lan")
        wan = name("wan")
        first = name("r1")
        second = name("r2")
    }
}
