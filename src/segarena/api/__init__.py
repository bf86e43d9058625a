"""The commands as functions. All modules but `calls` are generated from the options in `segarena.config`."""
