"""The client as a distribution of its own: nothing of the repository is needed to install it, and
its stubs load under every protobuf that it says they do."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

# A busy machine and a slow index take their time; seconds is the rule.
INSTALL_TIMEOUT_S = 300
pytestmark = pytest.mark.timeout(2 * INSTALL_TIMEOUT_S)
# Neither the environment's .pth files nor the working folder: the repository's own sources are
# out of sight, the client's dependencies are not.
IMPORT = """
import sys
sys.path[:0] = sys.argv[1:]
import lintel.client, lintel.inference.open_inference_pb2_grpc
assert list(lintel.__path__) == [sys.argv[1] + "/lintel"], lintel.__path__
print(lintel.client.Client.__name__)
"""

ROUND_TRIP = """
import sys
sys.path[:0] = sys.argv[1:]
import google.protobuf
from lintel.inference import open_inference_pb2, open_inference_pb2_grpc
from lintel.v1 import face_pb2, face_pb2_grpc, statistics_pb2_grpc, video_pb2, video_pb2_grpc
sent = video_pb2.VideoFrame(sequence_number=2**63, timestamp_us=-1)
assert video_pb2.VideoFrame.FromString(sent.SerializeToString()) == sent
print(google.protobuf.__version__)
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


def install(requirement: str | Path, folder: Path) -> None:
    """Installs one distribution, without what it needs; skips the test where none can be had."""
    pip = run(
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--target", folder, requirement),
        folder=folder.parent,
    )
    if "No matching distribution found" in pip.stderr:
        pytest.skip("no package index has what is to be installed")
    assert pip.returncode == 0, pip.stderr


def test_the_source_distribution_installs_alone(tmp_path: Path) -> None:
    source = REPOSITORY / "clients" / "python"
    built = run(
        *("-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path), folder=source
    )
    assert built.returncode == 0, built.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    installed = tmp_path / "installed"

    install(archive, installed)

    imported = run(
        *("-I", "-S", "-c", IMPORT, installed, sysconfig.get_path("purelib")), folder=tmp_path
    )
    assert imported.stdout == "Client\n", imported.stderr


# The newest is that of the tests' own environment.
@pytest.mark.parametrize("version", ["5.27.2", "6.33.0"])
def test_the_stubs_load_under_every_protobuf_since_5(version: str, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    install(f"protobuf=={version}", installed)
    places = (installed, REPOSITORY / "clients/python/src", sysconfig.get_path("purelib"))
    loaded = run("-I", "-S", "-c", ROUND_TRIP, *places, folder=tmp_path)
    assert loaded.stdout == f"{version}\n", loaded.stderr
