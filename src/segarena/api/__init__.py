"""The commands as functions. `compare`, `train`, `data` and `results` are generated from the options in `segarena.config`."""
