"""Where the trainings of a command run: in this process, in others of this machine, on a cluster."""
