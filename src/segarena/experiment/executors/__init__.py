"""Where the trainings of a command run: in turn in this process, or side by side in processes of this machine."""
