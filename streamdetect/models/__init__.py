"""Autoencoders: how they are built, trained, kept in a bundle and run."""
