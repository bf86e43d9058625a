"""One module for each command, which calls the rooms below and prints; `segarena.cli` lists them."""
