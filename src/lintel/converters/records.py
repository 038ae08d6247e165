"""What one step found, as a file for the next."""

from __future__ import annotations

from pathlib import Path, PosixPath
from typing import Any

import msgspec

from lintel.converters.conversion import Conversion
from lintel.converters.examples import load_outputs, save_outputs
from lintel.converters.files import write_whole
from lintel.converters.verification import Verification


def write_conversion(made: Conversion, path: Path) -> None:
    """Writes what is known of a conversion."""
    write_whole(path, _encode(made))
    # Make is to see that the step was done.
    path.touch()


def read_conversion(path: Path) -> Conversion:
    """Reads what `write_conversion` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Conversion, dec_hook=_decode_path)


def write_verification(found: Verification, path: Path) -> None:
    """Writes what was found of a variant; its outputs go beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_outputs(found.outputs, path.with_suffix(".npz"))
    write_whole(path, _encode(found.replace(outputs={})))
    path.touch()


def read_verification(path: Path) -> Verification:
    """Reads what `write_verification` wrote."""
    found = msgspec.json.decode(path.read_bytes(), type=Verification, dec_hook=_decode_path)
    return found.replace(outputs=load_outputs(path.with_suffix(".npz")))


def _encode(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=_encode_path), indent=1)


def _encode_path(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError


def _decode_path(kind: type, value: Any) -> Any:
    if kind in {Path, PosixPath}:
        return Path(value)
    raise NotImplementedError
