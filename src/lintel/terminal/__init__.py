"""What the commands of the house share: how they run, and how they end."""

from lintel.terminal.program import COULD_NOT, DONE, FAILED, INTERRUPTED, discard_output, run

__all__ = ["COULD_NOT", "DONE", "FAILED", "INTERRUPTED", "discard_output", "run"]
