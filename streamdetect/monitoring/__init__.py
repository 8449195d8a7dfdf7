"""What the daemon shows of itself: metrics, the HTTP port, and health."""
