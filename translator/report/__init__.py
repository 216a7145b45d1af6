"""Pages of figures: one self-contained HTML file each, without scripts, that opens from disk."""
