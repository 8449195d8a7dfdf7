"""Streaming anomaly detection for live sensor data."""

__version__ = "0.1.0"
