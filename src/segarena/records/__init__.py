"""What the files of a run and of a comparison hold: one frozen dataclass for each file, used by writer and reader.

`record` has the base class with reading, checking and writing; `run` the files of one training; `comparison` the file
of a comparison; `tables` the columns of the CSV files. docs/files.md is made from these classes.
"""
