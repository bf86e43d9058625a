"""What the files of a run and of a comparison hold: one frozen dataclass for each, used by writer and reader alike.

`record` has the base class, which reads, checks and writes; `values` the scores and costs that several files have;
`metrics`, `run` and `comparison` the JSON files; `tables` the columns of the CSV files. docs/files.md is made from
these classes.
"""
