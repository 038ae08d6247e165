"""The public client, unmodified, in a virtual environment of its own: it wants another protobuf
than the device, and its messages have the names of ours."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REQUIREMENTS = ("tritonclient[grpc]==2.73.0", "protobuf>=6,<7", "numpy>=2,<3")
HERE = Path(__file__).resolve().parent
INSTALL_TIMEOUT_S = 600


@pytest.fixture(scope="session")
def run_with_triton(pytestconfig: pytest.Config) -> Callable[..., Any]:
    """Runs a script of this folder with tritonclient, and returns the JSON that it prints.

    The environment is made once and kept in pytest's cache; without a package index to make it
    from, the tests are skipped.
    """
    assert pytestconfig.cache is not None
    key = hashlib.sha256(repr((REQUIREMENTS, sys.version)).encode()).hexdigest()[:12]
    python = _environment(pytestconfig.cache.mkdir(f"tritonclient-{key}"))

    def run(script: str, *arguments: str) -> Any:
        finished = subprocess.run(
            [python, "-I", HERE / script, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return run


def _environment(folder: Path) -> Path:
    """Makes the environment unless it is there, and returns its interpreter."""
    complete, python = folder / "complete", folder / "bin" / "python"
    if complete.exists():
        return python
    venv.create(folder, with_pip=True, clear=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
    try:
        subprocess.run(pip, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"tritonclient could not be installed: {error}")
    complete.touch()
    return python
