"""Lets the suites import their own helpers, and ends them in good order when they are told to.

An emulator's log, and what every scan was given and said, stay in the directory that `--basetemp` names.
"""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

# As with Ctrl-C: whatever was started is stopped on the way out.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter, config):
    """Says where to look when something failed."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        kept = config._tmp_path_factory.getbasetemp()
        terminalreporter.write_line(f"baselines, reports and emulator logs: {kept}")
