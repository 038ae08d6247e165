"""The client as a distribution of its own: nothing of the repository is needed to install it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

INSTALL_TIMEOUT_S = 100
# Neither the environment's .pth files nor the working folder: the repository's own sources are
# out of sight, the client's dependencies are not.
IMPORT = """
import sys
sys.path[:0] = sys.argv[1:]
import lintel.client, lintel.inference.open_inference_pb2_grpc
assert list(lintel.__path__) == [sys.argv[1] + "/lintel"], lintel.__path__
print(lintel.client.Client.__name__)
"""


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )


def test_the_source_distribution_installs_alone(tmp_path: Path) -> None:
    source = REPOSITORY / "clients" / "python"
    built = run(
        *("-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path), folder=source
    )
    assert built.returncode == 0, built.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    installed = tmp_path / "installed"

    pip = run(
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--target", installed, archive),
        folder=tmp_path,
    )
    if "No matching distribution found" in pip.stderr:
        pytest.skip("no package index has what builds the client")
    assert pip.returncode == 0, pip.stderr

    imported = run(
        *("-I", "-S", "-c", IMPORT, installed, sysconfig.get_path("purelib")), folder=tmp_path
    )
    assert imported.stdout == "Client\n", imported.stderr
