"""The commands that have no package of their own: their options, and what they do."""
