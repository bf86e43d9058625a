"""The page and figures of a comparison, made from its files alone, and check.png.

`comparison` reads the folder; `page` makes the report from `tables`, `captions`, `caveats`, `method` and the figures.
"""
