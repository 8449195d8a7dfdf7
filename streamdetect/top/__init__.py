"""A daemon's sensors in the terminal, from what its metrics port and its history say; an extra, for rich."""
