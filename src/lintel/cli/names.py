"""File names, and what is in files, as people read them."""

from __future__ import annotations

_LONGEST_SHOWN = 40


def shown(name: str) -> str:
    """Returns a file name fit for one line of a terminal.

    Line breaks, escape sequences and bytes that are no text are written as backslash escapes, so
    that no name can break a line or play with the terminal.
    """
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def abridged(text: str) -> str:
    """Returns what a file or an option holds fit for a message, short of what is too long."""
    is_short = len(text) <= _LONGEST_SHOWN
    return shown(text if is_short else f"{text[:_LONGEST_SHOWN]}...") or '""'


def listed(names: list[str], most: int = 10) -> str:
    """Returns the first `most` names in a row, and how many more there are."""
    text = ", ".join(shown(name) for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most} more"


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, such as "1 face" or "2 faces"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
