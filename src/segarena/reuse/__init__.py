"""Options that are not typed: those of an earlier run that is resumed, and those in a file."""
