"""The examination of a device: what it has, what is missing, and how to mend it.

Each check is a name and a function; it changes nothing on the device, and tells what it found in
one sentence, with a hint where something is to be done.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from lintel.edge.config import MEBIBYTE, Settings, load, parse
from lintel.edge.errors import LintelError

# The server needs some 100 MiB; with less than this free, the next large picture ends it.
_LEAST_MEMORY, _GOOD_MEMORY = 128 * MEBIBYTE, 256 * MEBIBYTE
_LEAST_DISK, _GOOD_DISK = 16 * MEBIBYTE, 256 * MEBIBYTE
_LONGEST_SOCKET_PATH = 107
_HEALTH_TIMEOUT_S = 2.0
_VECTOR_FEATURES = ("neon", "asimd", "asimddp", "avx", "avx2", "avx512f")


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


class Check(NamedTuple):
    """Something to look at.

    Attributes:
        name: Of what is looked at.
        look: Looks, and yields what it found: outcome, message, and a hint if there is one.
    """

    name: str
    look: Callable[[Settings], Iterator[tuple[Outcome, str] | tuple[Outcome, str, str]]]


Findings = Iterator[tuple[Outcome, str] | tuple[Outcome, str, str]]


def examine(path: Path | None = None) -> Iterator[Finding]:
    """Runs every check, one after the other.

    Args:
        path: The settings file; None for the defaults. Where it is wrong, the other checks go by
            the defaults.

    Yields:
        What was found, as it is found.
    """
    try:
        settings = load(path)
        yield Finding("Settings", Outcome.OK, "They are valid.")
    except LintelError as error:
        settings = parse({})
        hint = "Mend the file or the LINTEL_ variable; the rest was checked with the defaults."
        yield Finding("Settings", Outcome.FAILURE, error.message, hint)
    for check in CHECKS:
        try:
            for found in check.look(settings):
                yield Finding(check.name, *found)
        except Exception as error:  # noqa: BLE001 - one check that fails is not to hide the others
            message = f"It could not be looked at ({type(error).__name__})."
            yield Finding(check.name, Outcome.WARNING, message)


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


def look_at_memory(_settings: Settings) -> Findings:
    """Looks how much memory is free."""
    free = available_memory(Path("/proc/meminfo").read_text(encoding="utf-8"))
    yield from _judge(free, _LEAST_MEMORY, _GOOD_MEMORY, "to programs", "End other programs.")


def available_memory(meminfo: str) -> int:
    """Returns the bytes of memory that programs can still get.

    Args:
        meminfo: What /proc/meminfo says.

    Raises:
        ValueError: It does not say.
    """
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo, re.MULTILINE)
    if found is None:
        raise ValueError("no MemAvailable")
    return int(found[1]) * 1024


def look_at_disk(settings: Settings) -> Findings:
    """Looks whether the folders that the device uses are there, writable, and not full."""
    yield from _look_at_folder(Path(tempfile.gettempdir()), "for temporary files")
    if settings.models.directory:
        yield from _look_at_folder(Path(settings.models.directory), "of model packages")


def _look_at_folder(folder: Path, purpose: str) -> Findings:
    where = f"in the folder {purpose}, {folder}"
    if not folder.is_dir():
        yield Outcome.FAILURE, f"The folder {purpose}, {folder}, is not there.", "Make it."
        return
    free = shutil.disk_usage(folder).free
    yield from _judge(free, _LEAST_DISK, _GOOD_DISK, where, "Remove what is not needed.")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"lintel")
    except OSError as error:
        hint = "Mend its permissions, or mount its disk writable."
        yield Outcome.WARNING, f"Nothing can be written {where}: {error.strerror}.", hint


def _judge(free: int, least: int, good: int, where: str, hint: str) -> Findings:
    message = f"{free // MEBIBYTE} MiB are left {where}."
    if free >= good:
        yield Outcome.OK, message
    else:
        yield (Outcome.FAILURE if free < least else Outcome.WARNING), message, hint


class _Timex(ctypes.Structure):
    """The head of the kernel's `struct timex`, and room for its rest; see adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("maximum_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def look_at_clock(_settings: Settings) -> Findings:
    """Looks whether the kernel knows its clock to be kept right by NTP or the like."""
    unsynchronised, clock_error = 0x40, 5
    timex = _Timex()
    # With no modes set the call changes nothing and needs no rights.
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    hint = "Turn it on: timedatectl set-ntp true, or install chrony. Times in results rely on it."
    if state == -1:
        yield Outcome.WARNING, "Whether the clock is synchronised cannot be told here.", hint
    elif state == clock_error or timex.status & unsynchronised:
        yield Outcome.WARNING, "The clock is not synchronised.", hint
    else:
        yield Outcome.OK, "The clock is synchronised."


def look_at_cameras(settings: Settings) -> Findings:
    """Tries the cameras of the settings, and looks which others are attached."""
    from lintel.edge.cameras import attached_cameras, probe  # noqa: PLC0415

    for camera in settings.cameras:
        result = probe(camera, 1)
        if result.frame is None:
            sentence = result.fault.sentence if result.fault else "It gave no frame."
            hint = result.fault.hint if result.fault else "Try it: lintel cameras --test."
            yield Outcome.WARNING, f"{camera.name}: {sentence}", hint
        else:
            pixels = result.frame.pixels
            size = f"{pixels.width} x {pixels.height} {pixels.pixel_format.upper()}"
            yield Outcome.OK, f"{camera.name} gives frames of {size}."
    attached = attached_cameras()
    if not attached and not settings.cameras:
        yield Outcome.NOTE, "None is attached; pictures can be sent all the same."
    for found in attached:
        if not found.problem:
            yield Outcome.OK, f"{found.source} can be opened{found.model and f' ({found.model})'}."
            continue
        hint = "Plug it in anew."
        if found.problem == "may not be opened":
            hint = "Add your user to the group video, and log in anew: usermod -aG video USER"
        yield Outcome.WARNING, f"{found.source} {found.problem}.", hint


def look_at_addresses(settings: Settings) -> Findings:
    """Looks whether the addresses to listen on are allowed, and free or served by Lintel."""
    from lintel.edge.service.access import check_addresses, server_credentials  # noqa: PLC0415

    try:
        check_addresses(settings)
        server_credentials(settings.server.tls)
    except LintelError as error:
        hint = "The server would not start: mend the settings."
        yield Outcome.FAILURE, error.message, hint
        return
    for address in settings.server.listen:
        if address.startswith("unix:"):
            yield from _look_at_socket(address)
        else:
            yield from _look_at_port(address, is_secure=bool(settings.server.tls.certificate))


def _look_at_port(address: str, *, is_secure: bool) -> Findings:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            # As the server does: a port that was in use a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            yield from _look_at_server(address, is_secure=is_secure)
        else:
            reason = error.strerror or "unknown host"
            hint = "Choose another with server.listen; ports below 1024 need rights."
            yield Outcome.FAILURE, f"{address} cannot be listened on: {reason}.", hint
    else:
        yield Outcome.OK, f"{address} is free."


def _look_at_socket(address: str) -> Findings:
    path = Path(address.removeprefix("unix:"))
    if address.startswith("unix:@"):
        yield Outcome.OK, f"{address} needs no file."
    elif len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        hint = f"The system allows {_LONGEST_SOCKET_PATH} bytes."
        yield Outcome.FAILURE, "The path of a Unix socket is too long.", hint
    elif path.is_socket():
        yield from _look_at_server(address, is_secure=False)
    elif path.exists() or not os.access(path.parent, os.W_OK | os.X_OK):
        hint = "Give a free name in a folder that you may write to."
        yield Outcome.FAILURE, f"{address} cannot be made.", hint
    else:
        yield Outcome.OK, f"{address} is free."


def _look_at_server(address: str, *, is_secure: bool) -> Findings:
    """Asks whoever listens whether it is a Lintel server in health."""
    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2  # noqa: PLC0415

    if is_secure:
        hint = "If that is not Lintel, stop it, or choose another address with server.listen."
        yield Outcome.NOTE, f"{address} is in use; TLS hides by whom.", hint
        return
    request = health_pb2.HealthCheckRequest(service="lintel.v1.FaceService")
    with grpc.insecure_channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        try:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString,
            )
            status = check(request, timeout=_HEALTH_TIMEOUT_S).status
        except grpc.RpcError as error:
            if address.startswith("unix:") and error.code() is grpc.StatusCode.UNAVAILABLE:
                yield Outcome.OK, f"{address} is left over from a server that is gone."
                return
            hint = "Stop it, or choose another address with server.listen."
            yield Outcome.FAILURE, f"{address} is in use by another program.", hint
            return
    if status == health_pb2.HealthCheckResponse.SERVING:
        yield Outcome.OK, f"{address} is served by Lintel, and well."
    else:
        yield Outcome.WARNING, f"{address} is served by Lintel, which is not ready.", "Look again."


def look_at_models(settings: Settings) -> Findings:
    """Loads every model, digests checked, and runs it once."""
    from lintel.edge.runtime import Runtime  # noqa: PLC0415

    hint = "Install the package anew, or name another in faces.model or masks.model."
    try:
        runtime = Runtime(settings, 1)
    except LintelError as error:
        yield Outcome.FAILURE, f"The face model {settings.faces.model}: {error.message}", hint
        return
    try:
        runtime.warm_up()
    except LintelError as error:
        yield Outcome.FAILURE, f"The face model {settings.faces.model}: {error.message}", hint
    for name, model in runtime.models.items():
        version = model.package.manifest.version
        yield Outcome.OK, f"{name} {version} runs on {model.backend} ({model.variant.name})."
    for name, problem in runtime.broken.items():
        where = f" ({problem.field})" if problem.field else ""
        yield Outcome.FAILURE, f"{name} is not used: {problem.message}{where}", hint
    wanted = settings.masks.model
    if wanted and not runtime.judges_masks and wanted not in runtime.broken:
        message = f"There is no mask model {wanted}: masks are not judged."
        yield Outcome.WARNING, message, 'Install it, or name another in masks.model ("" for none).'
    runtime.close()


CHECKS = (
    Check("Python", look_at_python),
    Check("NumPy", look_at_numpy),
    Check("Backends", look_at_backends),
    Check("Processor", look_at_processor),
    Check("Memory", look_at_memory),
    Check("Disk", look_at_disk),
    Check("Clock", look_at_clock),
    Check("Cameras", look_at_cameras),
    Check("Addresses", look_at_addresses),
    Check("Models", look_at_models),
)
"""All checks but that of the settings, which comes before them."""
