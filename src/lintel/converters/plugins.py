"""Functions of a recipe: "file.py:function", beside the recipe."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lintel.converters.errors import ConversionError


def load_function(reference: str, folder: Path) -> Callable[..., Any]:
    """Loads a function that a recipe names.

    Args:
        reference: "file.py:function"; the file is taken from the recipe's folder, and may import
            others of that folder.
        folder: Where the recipe is.

    Raises:
        ConversionError: There is no such file or function.
    """
    name, _, function = reference.partition(":")
    path = folder / name
    if not function or not path.is_file():
        raise ConversionError(
            f"The recipe names the function {reference}, which is not there: write file.py:function"
            " for one in a file beside the recipe."
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConversionError(f"{name} is no Python file.")
    sys.path.insert(0, str(folder))
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    found = getattr(module, function, None)
    if not callable(found):
        raise ConversionError(f"{name} has no function {function}: check the recipe.")
    return found  # type: ignore[no-any-return]
