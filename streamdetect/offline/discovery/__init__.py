"""The messages of a broker: heard, explained for a configuration that exists, or made into a new one."""
