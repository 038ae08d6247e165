"""The examination of a device."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.camera_servers import write_clip
from tests.mask_packages import write_mask_package

from lintel.edge import doctor
from lintel.edge.cameras import Fault
from lintel.edge.config import Settings, parse
from lintel.edge.doctor import Outcome
from lintel.edge.service import DeviceServer

Look = Callable[[Settings], doctor.Findings]


def outcomes(look: Look, tree: dict[str, dict[str, object]] | None = None) -> list[Outcome]:
    return [found[0] for found in look(parse(tree or {}))]


def models(tree: dict[str, dict[str, object]]) -> list[Outcome]:
    """Looks at models, and leaves out those that come with Lintel and are well, but for faces."""
    found = [told[:2] for told in doctor.look_at_models(parse(tree))]
    own = ("face ", "door-mask ")
    return [out for out, message in found if out is not Outcome.OK or message.startswith(own)]


def listening(*addresses: str) -> dict[str, dict[str, object]]:
    return {"server": {"listen": list(addresses)}}


def test_this_machine_has_all_that_a_device_needs(tmp_path: Path) -> None:
    settings = tmp_path / "lintel.toml"
    settings.write_text('[server]\nlisten = ["127.0.0.1:0"]\n', encoding="utf-8")
    findings = list(doctor.examine(settings))
    failures = [finding for finding in findings if finding.outcome is Outcome.FAILURE]
    assert not failures
    names = ["Settings", *(check.name for check in doctor.CHECKS)]
    assert list(dict.fromkeys(finding.check for finding in findings)) == names


def test_whatever_is_wrong_comes_with_a_hint(tmp_path: Path) -> None:
    settings = tmp_path / "lintel.toml"
    settings.write_text('[models]\ndirectory = "/nowhere"\n', encoding="utf-8")
    wrong = [
        finding
        for finding in doctor.examine(settings)
        if finding.outcome in {Outcome.WARNING, Outcome.FAILURE}
    ]
    assert {"Disk", "Models"} <= {finding.check for finding in wrong}
    assert all(finding.hint for finding in wrong)


def test_wrong_settings_are_a_failure_and_the_rest_is_looked_at_all_the_same(
    tmp_path: Path,
) -> None:
    settings = tmp_path / "lintel.toml"
    settings.write_text("[servr]\n", encoding="utf-8")
    first, *rest = doctor.examine(settings)
    assert first.outcome is Outcome.FAILURE
    assert "servr" in first.message
    assert {finding.check for finding in rest} == {check.name for check in doctor.CHECKS}


def test_a_check_that_breaks_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_settings: Settings) -> doctor.Findings:
        raise RuntimeError("boom")

    checks = (doctor.Check("Broken", broken), doctor.Check("Python", doctor.look_at_python))
    monkeypatch.setattr(doctor, "CHECKS", checks)
    found = {finding.check: finding for finding in doctor.examine()}
    assert found["Broken"].outcome is Outcome.WARNING
    assert "boom" not in found["Broken"].message
    assert found["Python"].outcome is Outcome.OK


@pytest.mark.parametrize(
    ("cpuinfo", "features"),
    [
        (
            "processor : 0\nflags\t\t: fpu sse2 avx avx2\n\nprocessor : 1\nflags\t\t: fpu avx\n",
            ["avx"],
        ),
        ("processor\t: 0\nFeatures\t: fp asimd evtstrm crc32\n", ["asimd"]),
        ("Features\t: half thumb neon vfpv4\n", ["neon"]),
        ("isa : rv64imafdc\n", []),
    ],
)
def test_vector_features_are_those_of_every_core(cpuinfo: str, features: list[str]) -> None:
    assert doctor.vector_features(cpuinfo) == features


def test_more_workers_than_cores_are_warned_of() -> None:
    assert Outcome.WARNING in outcomes(doctor.look_at_processor, {"server": {"workers": 256}})


def test_available_memory_is_what_the_kernel_says() -> None:
    assert doctor.available_memory("MemTotal: 9 kB\nMemAvailable:    2048 kB\n") == 2 << 20
    with pytest.raises(ValueError, match="MemAvailable"):
        doctor.available_memory("MemTotal: 9 kB\n")


@pytest.mark.parametrize("folder", ["/proc", "/sys"])
def test_a_folder_that_cannot_be_written_is_warned_of(folder: str) -> None:
    found = outcomes(doctor.look_at_disk, {"models": {"directory": folder}})
    assert Outcome.WARNING in found or Outcome.FAILURE in found


def test_a_state_folder_that_cannot_be_made_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert Outcome.WARNING in outcomes(doctor.look_at_disk)
    elsewhere = {"series": {"path": ""}, "pipeline": {"events_path": ""}}
    assert Outcome.WARNING not in outcomes(doctor.look_at_disk, elsewhere)


def test_a_state_folder_that_is_made_when_needed_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert set(outcomes(doctor.look_at_disk)) == {Outcome.OK}
    assert not list(tmp_path.iterdir())


def test_a_free_port_is_well() -> None:
    assert outcomes(doctor.look_at_addresses, listening("127.0.0.1:0", "[::1]:0"))[0] is Outcome.OK


def test_a_port_served_by_lintel_is_well(device: DeviceServer) -> None:
    found = outcomes(doctor.look_at_addresses, listening(*device.addresses))
    assert found == [Outcome.OK, Outcome.OK]


def test_a_port_of_another_program_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert outcomes(doctor.look_at_addresses, listening(address)) == [Outcome.FAILURE]


@pytest.mark.parametrize("address", ["127.0.0.1", "nowhere", "0.0.0.0:50051"])
def test_an_address_that_the_server_refuses_is_a_failure(address: str) -> None:
    assert outcomes(doctor.look_at_addresses, listening(address)) == [Outcome.FAILURE]


def test_a_certificate_that_the_server_refuses_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("no certificate", encoding="utf-8")
    tls = {"certificate": str(tmp_path / "junk"), "private_key": str(tmp_path / "junk")}
    assert outcomes(doctor.look_at_addresses, {"server": {"tls": tls}}) == [Outcome.FAILURE]


def test_a_free_port_of_the_page_is_well() -> None:
    assert outcomes(doctor.look_at_page, {"page": {"address": "127.0.0.1:0"}}) == [Outcome.OK]
    assert outcomes(doctor.look_at_page, {"page": {"address": ""}}) == [Outcome.NOTE]


def test_a_page_of_lintel_is_told_from_another_program(
    start_device: Callable[..., DeviceServer],
) -> None:
    page = start_device({"page": {"address": "127.0.0.1:0"}}).page
    assert page is not None
    served = {"page": {"address": page.url.split("/")[2]}}
    assert outcomes(doctor.look_at_page, served) == [Outcome.OK]
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = {"page": {"address": f"127.0.0.1:{other.getsockname()[1]}"}}
        assert outcomes(doctor.look_at_page, taken) == [Outcome.FAILURE]


def test_languages_that_the_page_refuses_are_a_failure() -> None:
    settings = {"page": {"address": "127.0.0.1:0", "language": "tlh"}}
    assert outcomes(doctor.look_at_page, settings)[0] is Outcome.FAILURE


@pytest.mark.parametrize("address", ["192.0.2.1:50051", "host name:1"])
def test_an_address_that_is_not_of_this_machine_is_a_failure(address: str) -> None:
    settings = {"server": {"listen": [address], "insecure": True}}
    assert outcomes(doctor.look_at_addresses, settings) == [Outcome.FAILURE]


def test_a_unix_socket_needs_a_free_name_in_a_folder(tmp_path: Path) -> None:
    assert outcomes(doctor.look_at_addresses, listening(f"unix:{tmp_path}/socket")) == [Outcome.OK]
    for name in (f"{tmp_path}/missing/socket", str(tmp_path), f"/tmp/{'x' * 120}"):
        found = outcomes(doctor.look_at_addresses, listening(f"unix:{name}"))
        assert found == [Outcome.FAILURE]


def test_a_unix_socket_left_over_is_well(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(f"{tmp_path}/socket")
    assert outcomes(doctor.look_at_addresses, listening(f"unix:{tmp_path}/socket")) == [Outcome.OK]


def test_a_broken_package_is_a_failure_and_the_others_are_well(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.toml").write_text("name = 1\n", encoding="utf-8")
    tree = {"models": {"directory": str(tmp_path)}, "masks": {"model": ""}}
    assert models(tree) == [Outcome.OK, Outcome.FAILURE]


@pytest.mark.parametrize("name", ["face", "mask"])
def test_a_variant_that_is_none_is_mended_in_the_settings(name: str) -> None:
    tree = {"models": {"override": {name: {"variant": "none-such"}}}}
    failure = next(
        finding for finding in doctor.look_at_models(parse(tree)) if finding[0] is Outcome.FAILURE
    )
    assert f"models.override.{name}.variant" in failure[1]
    assert failure[2:] == ("Mend the settings.",)


def test_a_mask_model_is_loaded_and_run(tmp_path: Path) -> None:
    write_mask_package(tmp_path, "door-mask")
    tree = {"models": {"directory": str(tmp_path)}, "masks": {"model": "door-mask"}}
    assert models(tree) == [Outcome.OK, Outcome.OK]


def test_a_mask_model_that_is_missing_is_a_warning_for_faces_are_served() -> None:
    tree = {"masks": {"model": "none-such"}}
    assert models(tree) == [Outcome.OK, Outcome.WARNING]


def test_a_mask_model_that_is_broken_is_told_once(tmp_path: Path) -> None:
    folder = write_mask_package(tmp_path, "door-mask")
    (folder / "model.bin").write_bytes(b"other bytes")
    tree = {"models": {"directory": str(tmp_path)}, "masks": {"model": "door-mask"}}
    assert models(tree) == [Outcome.OK, Outcome.FAILURE]


def test_a_face_model_that_is_missing_is_a_failure() -> None:
    assert outcomes(doctor.look_at_models, {"faces": {"model": "none-such"}}) == [Outcome.FAILURE]


def test_cameras_of_the_settings_are_tried(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 3)
    cameras = [
        {"name": "door", "source": str(clip)},
        {"name": "till", "source": str(tmp_path / "none.avi")},
    ]
    findings = list(doctor.look_at_cameras(parse({"cameras": cameras})))
    door, till = findings[:2]
    assert (door[0], door[1]) == (Outcome.OK, "door gives frames of 160 x 120 BGR8.")
    assert till[0] is Outcome.WARNING
    assert till[1:] == (f"till: {Fault.GONE.sentence}", Fault.GONE.hint)
