"""What every table of the settings file is."""

from __future__ import annotations

from msgspec import Struct


class Section(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of the settings file."""
