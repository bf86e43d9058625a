"""What a comparison is made of: inputs, protocol, networks, runs, tables. Prints nothing."""
