"""Looks at Python, NumPy, the backends of models, and the processor."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

from lintel.edge.config import Settings
from lintel.edge.doctor.findings import Findings, Outcome

_VECTOR_FEATURES = ("neon", "asimd", "asimddp", "avx", "avx2", "avx512f")


def look_at_python(_settings: Settings) -> Findings:
    """Looks whether this Python is one that Lintel is tested with."""
    message = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}."
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Outcome.OK, message
    else:
        yield Outcome.FAILURE, message, "Use Python 3.11 to 3.13."


def look_at_numpy(_settings: Settings) -> Findings:
    """Looks whether NumPy and what is compiled against it fit together."""
    import numpy  # noqa: PLC0415 - each check imports what it looks at

    major = int(numpy.__version__.partition(".")[0])
    message = f"NumPy {numpy.__version__}, binary interface {major}."
    if major != 2:
        yield Outcome.FAILURE, message, 'Use NumPy 2: pip install "numpy>=2,<3".'
        return
    try:
        # Compiled libraries hand arrays back and forth here, which goes wrong at a mismatch.
        from lintel.edge.images import ImageFormat, decode, encode  # noqa: PLC0415

        picture = numpy.zeros((16, 16, 3), numpy.uint8)
        for format_ in ImageFormat:
            decode(encode(picture, format_))
    except (ImportError, AttributeError, SystemError) as error:
        hint = "Install Lintel anew into an empty virtual environment."
        yield Outcome.FAILURE, f"{message} A picture library does not fit it ({error}).", hint
    else:
        yield Outcome.OK, f"{message} The picture libraries fit it."


def look_at_backends(_settings: Settings) -> Findings:
    """Looks which backends can run models."""
    from lintel.edge.backends import available_backends  # noqa: PLC0415

    for name, status in available_backends().items():
        if status.usable:
            yield Outcome.OK, f"{name} {status.version} is usable."
        else:
            hint = "Models for it cannot run here; others can."
            yield Outcome.WARNING, f"{name} is not usable. {status.problem}", hint


def look_at_processor(settings: Settings) -> Findings:
    """Looks for vector instructions, and at the number of cores."""
    features = vector_features(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    if features:
        yield Outcome.OK, f"It has {', '.join(features)}."
    else:
        hint = "Models run slowly; use a 64-bit system on a Pi 3 or newer, or a CPU with AVX."
        yield Outcome.WARNING, "No vector instructions (NEON or AVX) were found.", hint
    cores, workers = len(os.sched_getaffinity(0)), settings.server.workers
    if workers > cores:
        hint = "Set server.workers to 0, for one a core: more cost throughput."
        yield Outcome.WARNING, f"{workers} workers share {cores} cores.", hint
    else:
        yield Outcome.OK, f"{cores} cores may be used."


def vector_features(cpuinfo: str) -> list[str]:
    """Returns the vector instructions that every core has, of those that models use.

    Args:
        cpuinfo: What /proc/cpuinfo says.
    """
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    if not lines:
        return []
    common = set.intersection(*(set(line.split()) for line in lines))
    return [feature for feature in _VECTOR_FEATURES if feature in common]
