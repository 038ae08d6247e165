"""Whatever the bytes of a manifest: a package, or PackageInvalidError, and soon."""

from __future__ import annotations

import os
import random
from pathlib import Path

from lintel.edge.errors import PackageInvalidError
from lintel.edge.packages import MAXIMUM_MANIFEST_BYTES, Package, builtin_packages, load_package

MUTATIONS = int(os.environ.get("LINTEL_FUZZ_MUTATIONS", "1500"))

# Pieces of TOML, each of which means something where it does not belong.
PIECES = (
    b"[[variant]]", b"[input]", b"[output.calibration]", b"nan", b"inf", b"-1", b"1e400", b"[[[[",
    b"{", b"}", b'"""', b"'", b"\\u0000", b"\xff", b"\x00", b"=", b".", b"\n", b"#", b"1979-05-27",
    b"decoder = []\n", b"opencv:../x", b"9" * 400, b"true", b"[]", b"a.b.c.d = 1\n", b"{}", b"%s",
)  # fmt: skip


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Changes a few places: bits, bytes, pieces of TOML, cuts, copies and swapped lines."""
    mutated = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        place = chance.randrange(len(mutated) + 1)
        stretch = slice(place, place + chance.randrange(1, 40))
        match chance.randrange(6):
            case 0:
                mutated[stretch] = b""
            case 1:
                mutated[place:place] = chance.choice(PIECES)
            case 2:
                mutated[place:place] = mutated[stretch]
            case 3:
                mutated[stretch] = chance.choice(PIECES)
            case 4:
                mutated[place : place + 1] = bytes([chance.randrange(256)])
            case _:
                lines = mutated.split(b"\n")
                chance.shuffle(lines)
                mutated = bytearray(b"\n".join(lines))
    return bytes(mutated)


def outcome(folder: Path, data: bytes) -> Package | PackageInvalidError:
    (folder / "model.toml").write_bytes(data)
    try:
        return load_package(folder)
    except PackageInvalidError as error:
        return error


def test_a_mutated_manifest_is_a_package_or_refused(tmp_path: Path) -> None:
    original = (builtin_packages()[0] / "model.toml").read_bytes()
    kinds = {Package: 0, PackageInvalidError: 0}
    for seed in range(MUTATIONS):
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        result = outcome(tmp_path, mutate(original, chance))
        kinds[type(result)] += 1
        if isinstance(result, PackageInvalidError):
            assert len(result.message) < 600, seed
            assert str(tmp_path) not in result.message, seed
    # Mutations that all fall at the first check would prove little.
    assert kinds[Package] > MUTATIONS / 50
    assert kinds[PackageInvalidError] > MUTATIONS / 2


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    for seed in range(MUTATIONS // 10):
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        data = chance.randbytes(chance.choice((0, 1, 100, MAXIMUM_MANIFEST_BYTES)))
        assert isinstance(outcome(tmp_path, data), PackageInvalidError), seed
