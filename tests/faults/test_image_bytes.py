"""Bytes from strangers: mutated pictures give a picture or one of three errors, and no more.

The mutations run in a process of their own under limits on memory and time, so that a crash,
a hang or unbounded growth in a C library is seen as what it is. `LINTEL_FUZZ_MUTATIONS` says
how many, `LINTEL_FUZZ_SEED` which; both are printed when something is found.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from lintel.edge.errors import ImageTooLargeError, ImageUndecodableError, ImageUnsupportedError
from lintel.edge.images import ImageLimits, Picture, decode, read_header

MUTATIONS = int(os.environ.get("LINTEL_FUZZ_MUTATIONS", "1500"))
SEED = os.environ.get("LINTEL_FUZZ_SEED", "lintel")

LIMITS = ImageLimits(max_bytes=1 << 20, max_pixels=1_000_000)
# Far above what anything here may need, and far below what a runaway takes.
SECONDS_A_MUTATION = 10
GROWTH_MIB = 96
ADDRESS_SPACE = 4 << 30
TELLING = [b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xc2"]
TELLING += [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"Exif\0\0", b"tRNS", b"VP8X"]


def test_mutated_pictures_give_a_picture_or_an_image_error(tmp_path: Path) -> None:
    progress = tmp_path / "mutation"
    done = subprocess.run(
        [sys.executable, __file__, str(MUTATIONS), SEED, str(progress)],
        capture_output=True,
        check=False,
    )
    last = progress.read_text() if progress.exists() else "none"
    trace = done.stderr.decode(errors="replace")[-2000:]
    assert done.returncode == 0, f"seed {SEED}, mutation {last}: {done.returncode}\n{trace}"
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert outcome["growth_mib"] < GROWTH_MIB, outcome
    # Neither were all refused at the gate nor all let through untouched.
    assert set(outcome["counts"]) >= {"Picture", "ImageUndecodableError"}, outcome
    assert sum(outcome["counts"].values()) == MUTATIONS
    print(outcome)  # noqa: T201 - what was tried, for `pytest -s`


def main(count: int, seed: str, progress: Path) -> None:
    """Tries `count` mutations and writes what became of them to standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    pictures = originals()
    for data in pictures:
        decode(data, LIMITS)
    start = peak_mib()
    counts: dict[str, int] = {}
    file = os.open(progress, os.O_CREAT | os.O_WRONLY)
    for number in range(count):
        os.pwrite(file, b"%9d" % number, 0)
        chance = random.Random(f"{seed}:{number}")  # noqa: S311 - repeatable, not secret
        data = mutate(pictures, chance)
        signal.alarm(SECONDS_A_MUTATION)
        name = outcome_of(data, chance)
        signal.alarm(0)
        counts[name] = counts.get(name, 0) + 1
    os.close(file)
    json.dump({"counts": counts, "growth_mib": peak_mib() - start}, sys.stdout)


def outcome_of(data: bytes, chance: random.Random) -> str:
    """Decodes, and returns the name of what came of it; other exceptions pass."""
    long_side = chance.choice([None, None, 1, 16, 40])
    try:
        picture = decode(data, LIMITS, depth8=chance.random() < 0.5, long_side=long_side)
    except (ImageTooLargeError, ImageUndecodableError, ImageUnsupportedError) as error:
        assert error.field == "encoded"
        return type(error).__name__
    check(picture, data, long_side)
    return "Picture"


def check(picture: Picture, data: bytes, long_side: int | None) -> None:
    """Holds a picture that came of a mutation to what is promised of every picture."""
    header = read_header(data, LIMITS)
    upright = (header.width, header.height)
    if header.orientation >= 5:
        upright = upright[::-1]
    pixels = picture.pixels
    assert (picture.width, picture.height) == upright
    assert pixels.ndim == 2 or pixels.shape[2:] == (3,)
    assert pixels.dtype in (np.uint8, np.uint16)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    height, width = pixels.shape[:2]
    if long_side is None:
        assert (width, height) == upright
    assert max(width, height) >= min(long_side or 0, max(upright))


def originals() -> list[bytes]:
    """Small pictures of every kind that is served, with metadata."""
    y, x = np.mgrid[0:40, 0:60]
    colour = np.dstack([x * 4, y * 6, 255 - x - y]).astype(np.uint8)
    alpha = np.dstack([colour, (x * 4).astype(np.uint8)])
    grey, deep = colour[..., 0], (colour.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = []
    for pixels, mode, kinds in [
        (colour, "RGB", ["JPEG", "PNG", "WEBP"]),
        (grey, "L", ["JPEG", "PNG"]),
        (alpha, "RGBA", ["PNG", "WEBP"]),
        (alpha, "CMYK", ["JPEG"]),
    ]:
        for kind in kinds:
            for options in ({}, {"progressive": True, "lossless": True, "interlace": 1}):
                file = io.BytesIO()
                Image.fromarray(pixels, mode).save(file, kind, exif=exif, **options)
                pictures.append(file.getvalue())
    palette = io.BytesIO()
    Image.fromarray(colour).quantize(16).save(palette, "PNG", transparency=3, bits=4)
    keyed = io.BytesIO()
    Image.fromarray(grey).save(keyed, "PNG", transparency=8)
    deep_png = bytes(cv2.imencode(".png", deep)[1])
    return [*pictures, palette.getvalue(), keyed.getvalue(), deep_png]


def mutate(pictures: list[bytes], chance: random.Random) -> bytes:
    """Takes a picture and changes it in one to six ways, most of them small."""
    data = bytearray(chance.choice(pictures))
    for _ in range(chance.choice([1, 1, 1, 2, 3, 6])):
        # Headers are short, and where the harm is done.
        reach = len(data) if chance.random() < 0.5 else min(len(data), 120)
        at = chance.randrange(reach + 1)
        end = at + chance.choice([1, 2, 4, 16, 100])
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                data[at : at + 1] = bytes(b ^ (1 << chance.randrange(8)) for b in data[at : at + 1])
            case 2:
                del data[at : end if chance.random() < 0.7 else None]
            case 3:
                other = chance.choice(pictures)
                start = chance.randrange(len(other))
                data[at:end] = other[start : start + chance.choice([4, 50, 1000])]
            case 4:
                data[at:at] = chance.choice([chance.choice(TELLING), chance.randbytes(8)])
            case _:
                telling = chance.choice(TELLING)
                data[at : at + len(telling)] = telling
    return repair_png(data) if chance.random() < 0.8 else bytes(data)


def repair_png(data: bytearray) -> bytes:
    """Makes the checksums of a PNG file right again, or its decoder would see few mutations."""
    position = 8
    while data.startswith(b"\x89PNG") and position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return bytes(data)


def peak_mib() -> float:
    """The most memory that this process has held at a time since it began.

    Not `ru_maxrss`, which a process takes over from the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
