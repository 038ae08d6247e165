"""Where series are kept where no setting says so, and by whose days."""

from __future__ import annotations

from pathlib import Path

import pytest

from lintel.edge.errors import SettingsInvalidError
from lintel.edge.series import default_path, device_zone


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"STATE_DIRECTORY": "/var/lib/lintel"}, "/var/lib/lintel/series.db"),
        ({"STATE_DIRECTORY": "/var/lib/lintel:/var/lib/other"}, "/var/lib/lintel/series.db"),
        ({"XDG_STATE_HOME": "/state"}, "/state/lintel/series.db"),
        ({"XDG_STATE_HOME": "relative"}, "~/.local/state/lintel/series.db"),
        ({}, "~/.local/state/lintel/series.db"),
    ],
)
def test_series_are_kept_where_state_belongs(environment: dict[str, str], path: str) -> None:
    assert default_path(environment) == Path(path).expanduser()


def test_the_zone_is_that_of_the_setting_or_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_zone("Europe/Lisbon").key == "Europe/Lisbon"
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert device_zone("").key == "Asia/Kolkata"


def test_a_machine_that_tells_no_zone_is_in_utc(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TZ", "Nowhere/City")
    assert device_zone("").key == "UTC"
    assert "cannot be told" in caplog.text


@pytest.mark.parametrize("name", ["Europe/Lissabon", "../../etc/passwd", "Europe", "\0"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        device_zone(name)
    assert caught.value.field == "series.time_zone"
