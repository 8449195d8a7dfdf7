"""Topics and payloads to samples: pure functions, one file per payload format."""
