"""The edge to the broker: messages in through a bounded inbox, acknowledgements and publications out."""
