"""One file a subject; each has `rows(run)`, which gives its lines of the table."""
