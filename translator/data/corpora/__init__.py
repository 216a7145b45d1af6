"""Parallel corpora: one class for each format, and the table that opens them."""
