"""The command `lintel-lab` as a whole: help, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from lintel.lab.cli import COMMANDS


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a program of its own."""
    program = Path(sys.executable).with_name("lintel-lab")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy() -> None:
    heavy = ["numpy", "cv2", "grpc", "matplotlib", "jinja2", "msgspec", "rich", "onnxruntime"]
    program = f"""
import sys
from lintel.lab.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0, end.code
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    run = [sys.executable, "-c", program]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stderr == "[]\n"


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    run = ended(name, "--help")
    assert run.returncode == 0
    assert f"\n    lintel-lab {name}" in run.stdout


def test_the_version_is_that_of_the_distribution() -> None:
    assert ended("--version").stdout == f"lintel-lab {metadata.version('lintel')}\n"


def test_what_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    run = ended("inspect", str(tmp_path / "index.csv"))
    assert run.returncode == 2
    assert run.stderr == f"Error: {tmp_path}/index.csv: there is no such file or folder.\n"


def test_a_command_that_is_unknown_is_told() -> None:
    run = ended("inspekt")
    assert run.returncode == 2
    assert "No such command 'inspekt'" in run.stderr
