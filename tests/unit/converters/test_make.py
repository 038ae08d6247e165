"""`make convert`: each rule is carried out when something it hangs on has changed, and only then.

A model of trees stands for all: it needs no more than XGBoost, and the rules are the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lintel.edge.packages import load_package

pytestmark = pytest.mark.timeout(900)
REPOSITORY = Path(__file__).resolve().parents[3]
RECIPE = """
model = "trees.ubj"
task = "regress"
gate = 0.99
variants = ["onnx-float32"]
seconds = 0.02

[package]
name = "trees"
licence = "Apache-2.0"

[calibration]
path = "rows.npz"
count = 40
"""

ALL = ("examples", "source", "convert", "verify", "pack")


def make(models: Path, *options: str, fails: bool = False) -> str:
    """Runs `make convert` on a folder of recipes, and returns what it says."""
    installed = [f"BIN={Path(sys.executable).parent}", f"CONVERTER={sys.executable}"]
    command = ["make", "--no-print-directory", "convert", f"MODELS={models}", *installed, *options]
    # A Make that runs these tests is not to hand its own settings on.
    clean = {key: value for key, value in os.environ.items() if "MAKE" not in key}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=clean, capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def steps(said: str) -> list[str]:
    """Returns the steps that Make carried out, or would."""
    mark = "convert.toml "
    return [line.partition(mark)[2].split()[0] for line in said.splitlines() if mark in line]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def recipes(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one recipe, of which nothing has been made."""
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "trees").mkdir()
    for name in ("trees.ubj", "rows.npz"):
        shutil.copy(models / name, folder / "trees")
    (folder / "trees" / "convert.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def made(recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with all that `make -j2` makes of it."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(recipes, folder, dirs_exist_ok=True)
    assert sorted(steps(make(folder, "-j2"))) == sorted(ALL)
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """A copy of that, with the times of its files, to change something in."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_every_step_is_told_before_it_is_done_and_nothing_is_made(recipes: Path) -> None:
    before = contents(recipes).keys()
    assert sorted(steps(make(recipes, "-n"))) == sorted(ALL)
    new = contents(recipes).keys() - before
    assert all(name.startswith("settings-") for name in new)


def test_what_was_made_is_a_package_and_needs_nothing_anew(made: Path) -> None:
    package = load_package(made / "trees" / "package")
    assert [variant.name for variant in package.manifest.variants] == ["onnx-float32"]
    assert steps(make(made, "-n")) == []


def test_made_again_no_byte_is_another(made: Path) -> None:
    package = contents(made / "trees" / "package")
    (made / "trees" / "trees.ubj").touch()
    assert sorted(steps(make(made))) == sorted(ALL)
    again = contents(made / "trees" / "package")
    assert again.keys() == package.keys()
    # Reports tell latencies.
    assert {name for name in package if again[name] != package[name]} <= {
        "report.html",
        "report.json",
    }


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('licence = "Apache-2.0"', 'licence = "MIT"', ["pack"]),
        ("gate = 0.99", "gate = 0.999", ["verify", "pack"]),
        ("count = 40", "count = 50", ["examples", "source", "verify", "pack"]),
    ],
)
def test_a_setting_rebuilds_what_hangs_on_it_and_no_more(
    old: str, new: str, wanted: list[str], copied: Path
) -> None:
    path = copied / "trees" / "convert.toml"
    # Paths in rules are those of the folder: settings alone are what has changed.
    assert steps(make(copied, "-n")) == []
    path.write_text(path.read_text().replace(old, new))
    assert steps(make(copied, "-n")) == wanted


def test_data_rebuild_what_hangs_on_them(copied: Path) -> None:
    (copied / "trees" / "rows.npz").touch()
    assert steps(make(copied, "-n")) == ["examples", "source", "verify", "pack"]


def test_one_model_and_one_variant_can_be_asked_for(recipes: Path) -> None:
    asked = steps(make(recipes, "-n", "MODEL=trees", "VARIANT=float32"))
    assert sorted(asked) == sorted(set(ALL) - {"pack"})
    assert "no recipe" in make(recipes, "MODEL=none", fails=True)
    assert "no variant int9" in make(recipes, "MODEL=trees", "VARIANT=int9", fails=True)


def test_a_step_that_fails_says_why_and_leaves_the_package_as_it_was(copied: Path) -> None:
    package = contents(copied / "trees" / "package")
    model = copied / "trees" / "trees.ubj"
    model.write_bytes(model.read_bytes()[:5000])
    assert "Error: XGBoost cannot read trees.ubj" in make(copied, fails=True)
    assert contents(copied / "trees" / "package") == package
    assert not list(copied.rglob("*.part"))
