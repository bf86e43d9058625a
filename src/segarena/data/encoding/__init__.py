"""What the values in mask files mean, found out by looking at all of them."""
