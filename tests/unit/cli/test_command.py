"""The command as a whole: help, settings, exit statuses, and how fast it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import get_args

import click
import pytest

from lintel.cli import engines
from lintel.cli.command import lintel
from lintel.cli.picture_commands import SUFFIX_OF_FORMAT
from lintel.edge.config import load, render
from lintel.edge.images import ImageFormat
from lintel.edge.tasks.blur import BlurMethod, BlurShape

Run = Callable[..., tuple[int, str, str]]


def commands(group: click.Group = lintel, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["blur", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = ["numpy", "cv2", "grpc", "google.protobuf", "rich", "onnxruntime", "msgspec"]
    program = f"""
import sys
from lintel.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code == 0, end.code
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stderr == "[]\n"


def test_the_version_is_that_of_the_distribution(run: Run) -> None:
    assert run("--version") == (0, f"lintel {metadata.version('lintel')}\n", "")


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_explains_itself_with_an_example(run: Run, name: str) -> None:
    status, out, _ = run(*name.split(), "--help")
    assert status == 0
    assert f"\n    lintel {name}" in out
    assert max(len(line) for line in out.splitlines()) <= 100


def test_every_option_is_explained() -> None:
    unexplained = [
        f"{name} {parameter.name}"
        for name, command in commands()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert not unexplained


def test_the_words_of_the_options_are_those_of_the_device() -> None:
    assert get_args(engines.MethodName) == tuple(BlurMethod)
    assert get_args(engines.ShapeName) == tuple(BlurShape)
    assert get_args(engines.FormatName) == tuple(ImageFormat) == tuple(SUFFIX_OF_FORMAT)
    blur = lintel.commands["blur"]
    choices = {
        parameter.name: tuple(parameter.type.choices)
        for parameter in blur.params
        if isinstance(parameter.type, click.Choice)
    }
    assert choices == {
        "method": tuple(BlurMethod),
        "shape": tuple(BlurShape),
        "output_format": tuple(ImageFormat),
    }


@pytest.mark.parametrize("arguments", [[], ["blurr"], ["blur"], ["detect", "--colour"]])
def test_what_is_not_understood_is_refused_with_the_way_to_the_help(
    run: Run, arguments: list[str]
) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "Usage: lintel" in err


def test_config_show_writes_a_file_of_the_settings_in_force(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINTEL_SERVER__WORKERS", "3")
    status, out, err = run("config", "show")
    assert (status, err) == (0, "")
    assert "workers = 3" in out
    file = tmp_path / "lintel.toml"
    file.write_text(out, encoding="utf-8")
    assert load(file, {}).server.workers == 3
    assert render(load(file, {})) == out


def test_config_check_passes_valid_settings(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text("[server]\nworkers = 2\n", encoding="utf-8")
    assert run("config", "check", "--config", file) == (0, "The settings are valid.\n", "")


@pytest.mark.parametrize(
    "text",
    [
        '[server]\nlisten = ["0.0.0.0:50051"]\n',
        '[server]\nlisten = ["nowhere"]\n',
        '[server.tls]\ncertificate = "/nowhere"\nprivate_key = "/nowhere"\n',
    ],
)
def test_config_check_refuses_what_the_server_would_refuse(
    run: Run, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text(text, encoding="utf-8")
    status, out, err = run("config", "check", "--config", file)
    assert (status, out) == (2, "")
    assert err.startswith("Error: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[[cameras]]\nname = "a"\n[[cameras.lines]]\nname = "sill"\nstart = [0.5, 0.5]\n'
            "end = [0.5, 0.5]\ninside = [0.1, 0.1]\n",
            "cameras[0].lines[0].end: A counting line must have a length.",
        ),
        (
            '[[cameras]]\nname = "a"\nsource = "rtsp://h/x"\ncredentials_file = "/nope"\n',
            "cameras[0].credentials_file: The file of credentials cannot be read.",
        ),
        (
            '[[cameras]]\nname = "a"\ncredentials_file = "/nope"\n',
            "cameras[0].credentials_file: The file of credentials cannot be read.",
        ),
        (
            '[pipeline]\nmodel = "nope"\n[[cameras]]\nname = "a"\n',
            'pipeline.model: There is no face model "nope" that can be used.',
        ),
        (
            '[faces]\nmodel = "mask"\n',
            'faces.model: There is no face model "mask" that can be used.',
        ),
        (
            '[faces]\nmodel = ""\n[[cameras]]\nname = "a"\n',
            "Cameras need a face model: name one in pipeline.model.",
        ),
        (
            '[[cameras]]\nname = "a"\nsource = "ftp://camera/1"\n',
            "cameras[0].source: The source is written as none is: see cameras.source of `lintel"
            " config show`.",
        ),
        (
            '[[cameras]]\nname = "a"\nsource = "picamera:left"\n',
            "cameras[0].source: The source is written as none is: see cameras.source of `lintel"
            " config show`.",
        ),
        (
            '[masks]\nmodel = "nope"\n',
            'masks.model: There is no mask model "nope" that can be used.',
        ),
        (
            '[forecast]\nnetworks = ["face"]\n',
            'forecast.networks: There is no forecasting model "face" that can be used.',
        ),
        (
            '[page]\nforecast_model = "nope"\n',
            'page.forecast_model: There is no model "nope"; there are naive, seasonal-naive, drift,'
            " exponential-smoothing, theta, xgboost, combination, forecast-lstm,"
            " xgboost+forecast-lstm.",
        ),
        (
            '[models.override.face]\nvariant = "nope"\n',
            "models.override.face.variant: The model face has no such variant; it has litert-int8.",
        ),
        (
            '[mqtt]\nhost = "127.0.0.1"\npassword_file = "secret"\n',
            "A password goes with a name: give mqtt.username, too.",
        ),
        (
            '[models]\ndirectory = "/nope"\n',
            "models.directory: The folder /nope of model packages cannot be read: No such file or"
            " directory.",
        ),
        (
            '[page]\nlanguages_directory = "/nope"\n',
            "page.languages_directory: The folder /nope of languages cannot be read: No such file"
            " or directory.",
        ),
        (
            '[series]\ntime_zone = "Berlin"\n',
            'series.time_zone: The time zone must be an IANA name, such as "Europe/Lisbon".',
        ),
        (
            '[page]\naddress = "zzz"\n',
            'page.address: The address "zzz" is neither HOST:PORT nor empty.',
        ),
    ],
)
def test_config_check_names_the_setting_that_is_wrong(
    run: Run, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text(text, encoding="utf-8")
    assert run("config", "check", "--config", file) == (2, "", f"Error: {told}\n")


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["serve"]])
def test_wrong_settings_end_a_command_with_a_sentence(
    run: Run, tmp_path: Path, command: list[str]
) -> None:
    file = tmp_path / "lintel.toml"
    file.write_text("[server]\nworker = 2\n", encoding="utf-8")
    status, out, err = run(*command, "--config", file)
    assert (status, out) == (2, "")
    assert err == ("Error: There is no setting server.worker. Did you mean server.workers?\n")


def test_a_settings_file_may_be_named_by_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINTEL_CONFIG", str(tmp_path / "missing.toml"))
    status, _, err = run("config", "check")
    assert status == 2
    assert "missing.toml cannot be read: No such file" in err


def test_a_model_that_is_not_there_ends_a_command_with_a_sentence(
    run: Run, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINTEL_FACES__MODEL", "none-such")
    status, _, err = run("detect", album)
    assert status == 2
    assert err.startswith("Error: ")
    assert "Traceback" not in err


def test_serve_refuses_an_address_beyond_loopback_in_plain_text(run: Run) -> None:
    status, _, err = run("serve", "--listen", "0.0.0.0:0")
    assert status == 2
    assert err.startswith("Error: ")


def test_doctor_tells_of_every_check_with_hints(run: Run) -> None:
    status, out, _ = run("doctor")
    words = {line.split()[0] for line in out.splitlines() if not line.startswith(" ")}
    assert words <= {"ok", "note", "warning", "failure"}
    assert status == (1 if "failure" in words else 0)


def test_doctor_writes_json_for_programs(run: Run) -> None:
    status, out, _ = run("doctor", "--json")
    findings = json.loads(out)
    assert {tuple(finding) for finding in findings} == {("check", "outcome", "message", "hint")}
    assert status == int(any(finding["outcome"] == "failure" for finding in findings))


def test_doctor_fails_where_the_settings_are_wrong(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("doctor", "--config", tmp_path / "missing.toml")
    assert status == 1
    assert out.startswith("failure  Settings: ")
