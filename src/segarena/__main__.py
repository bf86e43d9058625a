"""`python -m segarena`."""

import sys

from segarena.cli import main

sys.exit(main())
