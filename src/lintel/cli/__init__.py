"""The command `lintel`: the device's work on files, the server, its settings and its health.

Nothing heavy is imported before a command needs it, so that `lintel --help` answers at once.
"""

from lintel.cli.command import main

__all__ = ["main"]
