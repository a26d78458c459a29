public import ArgumentParser
public import ControlProtocol

// The words of a request are the words of the command line.
extension CacheName: ExpressibleByArgument {}
extension CacheContent: ExpressibleByArgument {}
extension RoleOrder: ExpressibleByArgument {}
extension FlushTarget: ExpressibleByArgument {}
extension ResyncSource: ExpressibleByArgument {}
extension SealingStage: ExpressibleByArgument {}
