"""The search for images and masks below a folder, and for the pairs among them."""
