"""Devices in processes of their own, so that a crash, a hang or growth is seen as what it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

PATIENCE_S = 30.0


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    """Asks again and again until `condition` holds; fails where it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.01)


@dataclass(frozen=True)
class ServingProcess:
    """A running `lintel serve`.

    Attributes:
        popen: Its process.
        tcp: Its address on loopback; "" where it has none.
        unix: Its address as a Unix socket.
        log: The file that its standard error goes to.
    """

    popen: subprocess.Popen[str]
    tcp: str
    unix: str
    log: Path

    def resident_mib(self) -> float:
        """Resident memory in MiB."""
        return float(psutil.Process(self.popen.pid).memory_info().rss) / (1 << 20)

    def threads(self) -> int:
        """Threads of the process."""
        return int(psutil.Process(self.popen.pid).num_threads())

    def stop(self, seconds: float = PATIENCE_S) -> int:
        """Asks it to stop, and returns its exit status."""
        self.popen.terminate()
        return self.popen.wait(seconds)


StartProcess = Callable[..., ServingProcess]


@pytest.fixture(scope="module")
def serve_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartProcess]:
    """Starts `lintel serve` with further lines of its settings, and waits until it serves.

    `listen` are its addresses, one of loopback and one Unix socket by default; `stderr` is
    where its logs go, a file by default; further options are those of Popen.
    """
    started: list[subprocess.Popen[str]] = []

    def start(
        settings: str = "", listen: list[str] | None = None, stderr: Path | None = None, **more: Any
    ) -> ServingProcess:
        folder = tmp_path_factory.mktemp("device")
        addresses = listen or ["127.0.0.1:0", f"unix:{folder}/socket"]
        (folder / "lintel.toml").write_text(f"[server]\nlisten = {addresses}\n{settings}\n")
        log = stderr or folder / "log"
        program = Path(sys.executable).with_name("lintel")
        command = [program, "serve", "--config", folder / "lintel.toml"]
        with log.open("w") as errors:
            popen = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, **more
            )
        started.append(popen)
        assert popen.stdout is not None
        line = popen.stdout.readline()
        assert line, log.read_text() if log.is_file() else "it ended at once"
        serving = line.removeprefix("Serving on ").partition(". Try it")[0].split(", ")
        unix = [address for address in serving if address.startswith("unix:")]
        tcp = [address for address in serving if address not in unix]
        return ServingProcess(popen, (tcp or [""])[0], (unix or [""])[0], log)

    yield start
    for popen in started:
        popen.kill()
        popen.communicate()


@dataclass(frozen=True)
class SmallDisk:
    """A file system of 256 KiB that only one process has.

    Attributes:
        folder: Where that process finds it.
        command: What to put before the process' own command.
    """

    folder: Path
    command: list[str]


@pytest.fixture
def small_disk(tmp_path: Path) -> SmallDisk:
    """A disk to fill; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = 'mount -t tmpfs -o size=256k tmpfs "$1" && shift && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    command.append(str(folder))
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], check=False).returncode
    ):
        pytest.skip("no file system of its own can be mounted here")
    return SmallDisk(folder, command)


@pytest.fixture(scope="session")
def wait() -> Callable[..., None]:
    """Polls a condition until it holds; fails after `seconds`."""
    return wait_until
