"""The messages of a broker: received, explained for an existing configuration, or made into a new one."""
