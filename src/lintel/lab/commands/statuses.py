"""How `lintel-lab` ends."""

from __future__ import annotations

DONE, DEFECTS_FOUND, COULD_NOT, INTERRUPTED = 0, 1, 2, 130
