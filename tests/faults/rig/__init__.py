"""What the fault matrix is run with: a wire that can be cut, traffic, the daemon's process and the oracle."""
