"""The settings of the page."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lintel.edge.config.section import Section


class Page(Section, frozen=True):
    """The page for browsers: the kiosk's view and the operator's."""

    address: Annotated[
        str | None,
        Meta(
            description='"HOST:PORT" of the page; empty: none; unset: 127.0.0.1:8088, or another'
            " port of loopback where that is taken."
        ),
    ] = None
    hosts: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,253}$")], ...],
        Meta(
            description="Names that browsers may reach the page by where it asks for no token, as"
            " behind a proxy; addresses in numbers, localhost and this machine's own name need"
            " not be here."
        ),
    ] = ()
    max_viewers: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Live pictures and streams of numbers open at a time, of which a kiosk"
            " takes one each; more are refused.",
        ),
    ] = 16
    language: Annotated[
        str,
        Meta(
            pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$",
            description='Language of the page, such as "fr"; empty: what the browser asks for.',
        ),
    ] = ""
    languages_directory: Annotated[
        str,
        Meta(
            description="Folder of further language files, or of changes to those of Lintel; empty:"
            " none."
        ),
    ] = ""
    neutral_after_s: Annotated[
        float,
        Meta(
            ge=0.5,
            le=60,
            description="Seconds that the sign stays after the last face was seen.",
        ),
    ] = 3.0
    forecast_model: Annotated[
        str,
        Meta(
            max_length=64,
            description="Model of the day's forecast; empty: the best for the series, chosen here,"
            " which takes some 200 MB of memory.",
        ),
    ] = "seasonal-naive"
