"""What checks are, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from lintel.edge.config import Settings


class Outcome(StrEnum):
    """How a check went; only a failure keeps the device from its work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        check: What was looked at.
        outcome: How it went.
        message: A sentence.
        hint: What to do about it: a sentence, or "".
    """

    check: str
    outcome: Outcome
    message: str
    hint: str = ""


Findings = Iterator[tuple[Outcome, str] | tuple[Outcome, str, str]]


class Check(NamedTuple):
    """Something to look at.

    Attributes:
        name: Of what is looked at.
        look: Looks, and yields what it found: outcome, message, and a hint if there is one.
    """

    name: str
    look: Callable[[Settings], Findings]
