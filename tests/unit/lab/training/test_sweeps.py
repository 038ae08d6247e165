from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("keras", reason="the extra `train` is not installed")

from lintel.lab.cli import lintel_lab
from lintel.lab.errors import LabError
from lintel.lab.training.recipes import open_recipe
from lintel.lab.training.sweeps import SweepPlan, plan_trials, read_plan, run_trials

RECIPE = open_recipe("mask")


def names(plan: SweepPlan, **options: int) -> list[str]:
    return [trial.name for trial in plan_trials(plan, RECIPE, **options)]


def test_every_run_is_tried_with_every_combination() -> None:
    plan = SweepPlan(
        settings={"epochs": 2},
        runs=({"arch": "lenet"}, {"arch": "mask"}),
        grid={"seed": [1, 2], "dropout": [0.1]},
    )

    trials = plan_trials(plan, RECIPE)

    assert [trial.name for trial in trials] == [
        "lenet_seed-1_dropout-0.1",
        "lenet_seed-2_dropout-0.1",
        "mask_seed-1_dropout-0.1",
        "mask_seed-2_dropout-0.1",
    ]
    assert dict(trials[0].settings) == {"epochs": 2, "arch": "lenet", "seed": 1, "dropout": 0.1}


def test_a_random_search_is_a_part_of_the_grid_and_the_same_for_a_seed() -> None:
    plan = SweepPlan(grid={"seed": list(range(10)), "batch": [16, 32]})

    some = names(plan, chosen=5, seed=7)

    assert len(some) == 5
    assert set(some) < set(names(plan))
    assert some == names(plan, chosen=5, seed=7)
    assert some != names(plan, chosen=5, seed=8)


def test_what_comes_twice_is_trained_once() -> None:
    assert names(SweepPlan(grid={"seed": [1, 2, 1]})) == ["seed-1", "seed-2"]


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (SweepPlan(), "nothing to sweep over"),
        (SweepPlan(grid={"epoch": [1, 2]}), "There is no setting epoch. Did you mean epochs"),
        (SweepPlan(runs=({"arch": "lenett"},)), "There is no architecture lenett"),
    ],
)
def test_a_plan_is_refused_before_anything_is_trained(plan: SweepPlan, told: str) -> None:
    with pytest.raises(LabError, match=told):
        plan_trials(plan, RECIPE)


def test_a_plan_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('[settings]\nepochs = 3\n[[runs]]\narch = "lenet"\n[grid]\nseed = [1, 2]\n')
    assert read_plan(path) == SweepPlan({"epochs": 3}, ({"arch": "lenet"},), {"seed": [1, 2]})

    path.write_text("[setings]\nepochs = 3\n")
    with pytest.raises(LabError, match="There is no key setings"):
        read_plan(path)


@pytest.mark.timeout(300)
def test_one_that_fails_does_not_end_a_sweep_and_what_is_done_is_not_done_again(
    faces_index: Path, tmp_path: Path
) -> None:
    small = {"arch": "lenet", "epochs": 1, "size": 32, "batch": 8}
    # No face is as large as the first wants them.
    plan = SweepPlan(small, grid={"smallest": [9999, 10]})
    trials, out = plan_trials(plan, RECIPE), tmp_path / "out"
    command = ["train", "mask", f"--data={faces_index}", f"--cache={tmp_path / 'cache'}"]

    first = run_trials(trials, out, command, jobs=2)
    model = out / "smallest-10" / "model.keras"
    written = model.stat().st_mtime_ns
    again = run_trials(trials[1:], out, command)

    assert [bool(outcome.failure) for outcome in first] == [True, False]
    assert first[0].failure == "Error: No faces are left in the split train."
    assert 0 <= first[1].result["val_accuracy"] <= 1
    assert again == first[1:]
    assert model.stat().st_mtime_ns == written


def test_the_command_tells_what_failed_and_writes_a_table(
    tmp_path: Path,
) -> None:
    done = tmp_path / "seed-1"
    done.mkdir()
    (done / "result.json").write_text(
        '{"parameters": 10, "seconds": 2.5, "epochs": 1, "val_loss": 0.5, "val_accuracy": 0.9,'
        ' "val_macro_f1": 0.8, "val_two_class_accuracy": 0.95}'
    )
    (done / "model.keras").touch()
    given = ["sweep", "mask", "--data", str(tmp_path / "nothing"), "--out", str(tmp_path)]

    ended = CliRunner().invoke(lintel_lab, [*given, "--set", "seed=1,2", "--set", "arch=lenet"])

    assert ended.exit_code == 1, ended.output
    assert "seed-1: val accuracy 0.9000, macro-F1 0.8000" in ended.stdout
    assert "seed-2: failed: Error:" in ended.stderr
    with (tmp_path / "sweep.csv").open() as file:
        rows = {row["training"]: row for row in csv.DictReader(file)}
    assert rows["seed-1"]["val_macro_f1"] == "0.8"
    assert "there is no such file or folder" in rows["seed-2"]["failure"]
    assert (tmp_path / "curves.png").stat().st_size > 1000
