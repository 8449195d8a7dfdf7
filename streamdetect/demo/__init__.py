"""A plant to watch: a broker, simulated sensors with faults, and the real daemon over real MQTT."""
