"""Fast versions of what costs most, each beside the plain form that says what it computes."""
