"""A daemon's sensors in the terminal, from its metrics port and its history; an extra, as it needs rich."""
