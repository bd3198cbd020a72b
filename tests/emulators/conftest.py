"""Lets the suites import their own helpers, and shows whole values when an assertion fails."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
