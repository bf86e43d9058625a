"""Which images stay together, and which part each gets: hashes, shares, groups and classes."""
