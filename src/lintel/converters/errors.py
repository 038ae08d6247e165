"""What keeps a model from being converted, in words for the person who wants it converted."""

from __future__ import annotations


class ConversionError(Exception):
    """A model cannot be converted; the message is a sentence that says what to do."""
