"""The device's settings: one typed tree, one TOML file, environment variables over it.

Every setting carries a sentence and its bounds; unknown keys are refused with the nearest
known name. `LINTEL_SECTION__KEY` overrides `[section] key`, written as a TOML value
(bare words are taken as strings).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from lintel.edge import tables
from lintel.edge.config.cameras import Camera
from lintel.edge.config.forecast import Forecast
from lintel.edge.config.notify import Mqtt, Webhook
from lintel.edge.config.page import Page
from lintel.edge.config.pipeline import Pipeline
from lintel.edge.config.section import Section
from lintel.edge.errors import SettingsInvalidError

ENVIRONMENT_PREFIX = "LINTEL_"
MEBIBYTE = 1 << 20

Role = Literal["monitor", "infer", "watch", "admin"]


class Tls(Section, frozen=True):
    """Encryption of TCP addresses."""

    certificate: Annotated[
        str, Meta(description="PEM file with the server's certificate chain; empty: no TLS.")
    ] = ""
    private_key: Annotated[str, Meta(description="PEM file with the certificate's key.")] = ""
    client_authority: Annotated[
        str,
        Meta(description="PEM file of the authority that signs callers' certificates: mutual TLS."),
    ] = ""


class Token(Section, frozen=True):
    """A bearer token that callers may present."""

    name: Annotated[str, Meta(min_length=1, description="Who holds it, for the logs.")]
    sha256: Annotated[
        str,
        Meta(
            pattern="^[0-9a-f]{64}$",
            description="SHA-256 of the token in hexadecimal, so that the file holds no secret.",
        ),
    ]
    roles: Annotated[
        tuple[Role, ...],
        Meta(
            min_length=1,
            description="What it may do: monitor (metadata), infer (all work), watch (the device's"
            " cameras and events), admin (models, and deleting series).",
        ),
    ]


class Server(Section, frozen=True):
    """The gRPC server."""

    listen: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description='Addresses: "HOST:PORT" or "unix:/path/to/socket".'),
    ] = ("127.0.0.1:50051",)
    insecure: Annotated[
        bool,
        Meta(description="Allow addresses beyond loopback without TLS and authentication."),
    ] = False
    workers: Annotated[
        int, Meta(ge=0, le=256, description="Requests worked on at a time; 0: one a core.")
    ] = 0
    max_queue: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="Requests that may wait for a worker; more are refused. In a flood fewer"
            " may wait.",
        ),
    ] = 4
    max_streams: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="Streams open at a time, of videos sent here, and as many of those who"
            " follow cameras and events; more are refused.",
        ),
    ] = 8
    receive_timeout_s: Annotated[
        float,
        Meta(gt=0, le=600, description="Seconds a caller may take to send its request."),
    ] = 10.0
    send_timeout_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds a caller may take to take a reply of a stream."),
    ] = 60.0
    max_message_mib: Annotated[
        int, Meta(ge=1, le=1024, description="Largest message in MiB, either way.")
    ] = 64
    drain_s: Annotated[
        float, Meta(ge=0, le=600, description="Seconds that work in flight gets at shutdown.")
    ] = 10.0
    keepalive_s: Annotated[
        float, Meta(ge=1, le=86400, description="Seconds of silence before a peer is pinged.")
    ] = 60.0
    connection_age_s: Annotated[
        float,
        Meta(ge=0, le=2_592_000, description="Seconds until a connection is renewed; 0: never."),
    ] = 0.0
    reflection: Annotated[
        bool, Meta(description="Answer server reflection, for grpcurl and the like.")
    ] = True
    tls: Tls = field(default_factory=Tls)
    tokens: Annotated[
        tuple[Token, ...], Meta(description="Bearer tokens; with none, callers need none.")
    ] = ()


class Images(Section, frozen=True):
    """Limits on pictures, checked on their headers before anything is decoded."""

    max_bytes: Annotated[
        int, Meta(ge=1024, le=1 << 30, description="Largest encoded picture in bytes.")
    ] = 16 * MEBIBYTE
    max_pixels: Annotated[
        int, Meta(ge=1, le=1_000_000_000, description="Largest width times height.")
    ] = 40_000_000
    max_per_call: Annotated[int, Meta(ge=1, le=4096, description="Most pictures in one call.")] = 64


class Faces(Section, frozen=True):
    """How faces are looked for."""

    model: Annotated[
        str, Meta(description="Name of the face model; empty: none, and no faces are served.")
    ] = "face"
    min_score: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="Faces scored below are left out; unset: the model's own."),
    ] = None
    parts_from: Annotated[
        int,
        Meta(
            ge=0,
            description="Pixels of the long side from which a picture is also looked at in parts,"
            " for faces that are small in it; 0: never. Cameras are not.",
        ),
    ] = 2000


class Masks(Section, frozen=True):
    """How masks are judged."""

    model: Annotated[
        str, Meta(description="Name of the mask model; empty: none, and no masks are judged.")
    ] = "mask"
    min_probability: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="States less probable are told as unsure; unset: the model's own."),
    ] = None


class Blur(Section, frozen=True):
    """How faces are destroyed where a request does not say."""

    method: Annotated[
        Literal["fill", "pixelate", "gaussian"], Meta(description="What takes a face's place.")
    ] = "gaussian"
    shape: Annotated[
        Literal["box", "ellipse"], Meta(description="The outline of what is covered.")
    ] = "ellipse"
    margin: Annotated[
        float,
        Meta(ge=0, le=2, description="Reach beyond the box on every side, as a share of its size."),
    ] = 0.3
    min_score: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Faces scored below are left as they are: lower than where they are only"
            " looked for, since a face missed is worse than a wall covered.",
        ),
    ] = 0.04


class Series(Section, frozen=True):
    """The store of series: counts by the minute, rolled up to hours and days."""

    path: Annotated[
        str | None,
        Meta(
            description="SQLite file that series are kept in; empty: none are kept; unset:"
            " lintel/series.db in the folder for state, ~/.local/state as a rule."
        ),
    ] = None
    time_zone: Annotated[
        str,
        Meta(
            description='IANA name of the zone whose days and hours count, such as "Europe/Lisbon";'
            " empty: this machine's."
        ),
    ] = ""
    minutes_days: Annotated[
        int, Meta(ge=1, le=36_500, description="Days that counts by the minute are kept.")
    ] = 14
    hours_days: Annotated[
        int,
        Meta(ge=1, le=36_500, description="Days that hours are kept; days are kept for good."),
    ] = 3650
    write_every_s: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="Seconds between two writes of buffered counts, which is as much of them"
            " as a power cut may lose.",
        ),
    ] = 60.0
    max_series: Annotated[
        int, Meta(ge=1, le=10_000, description="Most series; no more are begun.")
    ] = 100
    max_future_s: Annotated[
        float,
        Meta(ge=0, le=86_400, description="Seconds that a count may be ahead of the clock."),
    ] = 300.0


class ModelSettings(Section, frozen=True):
    """How one model runs."""

    variant: Annotated[str, Meta(description='Name of a variant of the package, or "auto".')] = (
        "auto"
    )
    pool_size: Annotated[
        int, Meta(ge=0, le=64, description="Sessions open at a time; 0: as many as workers.")
    ] = 0
    threads: Annotated[
        int, Meta(ge=1, le=64, description="Threads of the backend for one inference.")
    ] = 1
    providers: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="ONNX Runtime execution providers, best first."),
    ] = ("CPUExecutionProvider",)


class Models(Section, frozen=True):
    """The model packages on the device."""

    directory: Annotated[
        str, Meta(description="Folder of model packages, one folder each; empty: only built-in.")
    ] = ""
    default: ModelSettings = field(default_factory=ModelSettings)
    override: Annotated[
        dict[str, ModelSettings], Meta(description="Settings of single models, by name.")
    ] = field(default_factory=dict)

    def for_model(self, name: str) -> ModelSettings:
        """Returns the settings of the model called `name`."""
        return self.override.get(name, self.default)


class Metrics(Section, frozen=True):
    """Prometheus metrics over HTTP."""

    listen: Annotated[str, Meta(description='"HOST:PORT" of the metrics page; empty: none.')] = ""


class Log(Section, frozen=True):
    """Logs, one line an event, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least level shown.")
    ] = "info"
    format: Annotated[
        Literal["text", "json"], Meta(description="Lines for people or for programs.")
    ] = "text"


class Settings(Section, frozen=True):
    """All settings of the device."""

    server: Server = field(default_factory=Server)
    images: Images = field(default_factory=Images)
    faces: Faces = field(default_factory=Faces)
    masks: Masks = field(default_factory=Masks)
    blur: Blur = field(default_factory=Blur)
    series: Series = field(default_factory=Series)
    forecast: Forecast = field(default_factory=Forecast)
    cameras: Annotated[
        tuple[Camera, ...], Meta(description="The cameras, each under [[cameras]].")
    ] = ()
    pipeline: Pipeline = field(default_factory=Pipeline)
    page: Page = field(default_factory=Page)
    mqtt: Mqtt = field(default_factory=Mqtt)
    webhook: Webhook = field(default_factory=Webhook)
    models: Models = field(default_factory=Models)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)


def load(path: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads the settings.

    Args:
        path: The TOML file; None for the defaults alone.
        environment: Where `LINTEL_SECTION__KEY` overrides are looked for.

    Returns:
        The settings, validated.

    Raises:
        SettingsInvalidError: The file is missing or not TOML, or a key or value is wrong;
            `field` names the key.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsInvalidError(
                f"The settings file {path} cannot be read: {error.strerror}."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsInvalidError(
                f"The settings file {path} is not valid TOML: {error}."
            ) from error
    _override(tree, environment)
    return parse(tree)


def parse(tree: Mapping[str, Any]) -> Settings:
    """Validates a tree of plain values, as a TOML file gives it.

    Raises:
        SettingsInvalidError: A key is unknown or a value wrong; `field` names the key.
    """
    settings = tables.convert(tree, Settings, SettingsInvalidError, "setting")
    names = [camera.name for camera in settings.cameras]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise SettingsInvalidError(
                "Two cameras have the same name; give each its own.", field=f"cameras[{index}].name"
            )
    return settings


def render(settings: Settings) -> str:
    """Writes settings as a commented TOML file that `load` reads back to the same settings."""
    return tables.render(settings)


def _override(tree: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Puts `LINTEL_A__B=value` into `tree` as a.b."""
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or "__" not in name:
            continue
        *tables, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        table: Any = tree
        for step in tables:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                raise SettingsInvalidError(
                    f"The environment variable {name} names no table.", field=".".join(tables)
                )
        table[key] = value
