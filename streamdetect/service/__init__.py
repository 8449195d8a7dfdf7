"""The daemon: messages in, one commit a batch, events out."""
