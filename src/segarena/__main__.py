"""`python -m segarena`."""

import sys

from segarena.cli import program

sys.exit(program())
