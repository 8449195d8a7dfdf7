"""The parts of the fault matrix: a wire that can be cut, traffic, the daemon's process and the oracle."""
