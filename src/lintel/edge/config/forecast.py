"""Settings of forecasts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lintel.edge.config.section import Section


class Forecast(Section, frozen=True):
    """How series are forecast."""

    networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of networks that forecasts may use, besides the models that are"
            " fitted here; those of the folder of packages need not be named."
        ),
    ] = ("forecast-lstm",)
    threads: Annotated[
        int, Meta(ge=1, le=64, description="Threads that fit a model; more spin where cores work.")
    ] = 1
    remembered: Annotated[
        int, Meta(ge=1, le=1000, description="Series whose fitted models are remembered.")
    ] = 16
