"""The commands as functions. `data`, `training` and `results` are generated from the options in `segarena.config`."""
