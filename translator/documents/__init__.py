"""Documents in and out: a format finds the text of one and puts translations in its place; all else stays."""
