"""The daemon's view of itself: metrics, the HTTP port, and health."""
