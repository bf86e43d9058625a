"""What the functions of the Python API return: the folder that was written, with its tables and scores."""
