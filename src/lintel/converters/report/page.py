"""The report: what is told, as JSON and as a page."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters.examples import Tensor
from lintel.converters.files import digest, write_whole
from lintel.converters.report import charts
from lintel.converters.verification import Reference, Verification
from lintel.reports import render_page

_LIBRARIES = ("ai-edge-litert", "onnxruntime", "tensorflow-cpu", "keras", "tf2onnx", "xgboost-cpu")


@dataclass(frozen=True)
class Findings:
    """All that a report tells.

    Attributes:
        name: Of the model.
        model: The trained model.
        verifications: What was found of every variant, in the order of the recipe.
        packed: Names of those that are in the package, best first.
        refused: Why variants could not be made, by name.
        reference: What they were verified with.
        labels: (examples,) of those, or None.
        classes: Names of the classes.
        notes: What is wrong with the data, in sentences.
        counts: Examples calibrated and verified with.
    """

    name: str
    model: Path
    verifications: Sequence[Verification]
    packed: Sequence[str]
    refused: dict[str, str]
    reference: Reference
    labels: Tensor | None
    classes: Sequence[str]
    notes: Sequence[str]
    counts: tuple[int, int]


def write_report(findings: Findings, folder: Path) -> None:
    """Writes report.json, and report.html, which needs no other file.

    Raises:
        ConversionError: The folder cannot be written.
    """
    told = _told(findings)
    write_whole(folder / "report.json", (json.dumps(told, indent=1) + "\n").encode())
    page = render_page(
        "lintel.converters.report",
        "report.html.jinja",
        told=told,
        trade=charts.draw_trade(findings.verifications, findings.reference),
        sections=[_section(findings, one) for one in findings.verifications if one.outputs],
    )
    write_whole(folder / "report.html", page.encode())


def _told(findings: Findings) -> dict[str, Any]:
    reference = findings.reference
    return {
        "name": findings.name,
        "model": findings.model.name,
        "model_sha256": "" if findings.model.is_dir() else digest(findings.model),
        "metric": reference.metric.name,
        "higher_is_better": reference.metric.higher_is_better,
        "source_metric": reference.metric.compute(reference.outputs),
        "gate": reference.gate,
        "calibration_examples": findings.counts[0],
        "verification_examples": findings.counts[1],
        "packed": list(findings.packed),
        "refused": findings.refused,
        "notes": list(findings.notes),
        "machine": f"{platform.machine()}, {_processor()}, Python {platform.python_version()}",
        "libraries": _versions(),
        "variants": [_row(one) for one in findings.verifications],
    }


def _row(one: Verification) -> dict[str, Any]:
    measured = one.measured
    return {
        "name": one.name,
        "format": one.conversion.format,
        "precision": str(one.conversion.precision),
        "file": one.conversion.file.name,
        "sha256": digest(one.conversion.file),
        "size_bytes": one.conversion.size_bytes,
        "conversion_seconds": round(one.conversion.seconds, 2),
        "passed": one.passed,
        "problem": one.problem,
        "metric": one.metric,
        "kept": one.kept,
        "agreement": one.agreement,
        "largest_difference": one.largest_difference,
        "mean_difference": one.mean_difference,
        "latency_ms": measured.latency_ms if measured else {},
        "latency_ratio": measured.latency_ratio if measured else {},
        "baseline": one.baseline,
        "speed": one.speed,
        "memory_mb": measured.memory_mb if measured else None,
        "slow_operators": measured.slow_operators if measured else {},
        "float_layers": list(one.conversion.float_layers),
        "notes": list(one.conversion.notes),
        "layers": [
            {"name": row.name, "operator": row.operator, "lost_share": row.lost_share}
            for row in one.layers
        ],
    }


def _section(findings: Findings, one: Verification) -> dict[str, Any]:
    confusion = ""
    if findings.classes:
        expected = findings.labels
        if expected is None:
            expected = charts.predicted(dict(findings.reference.outputs))
        confusion = charts.draw_confusion(
            one.name, np.asarray(expected), charts.predicted(one.outputs), findings.classes
        )
    return {
        "row": _row(one),
        "layers": charts.draw_layers(one.name, one.layers) if one.layers else "",
        "differences": charts.draw_differences(one, findings.reference),
        "confusion": confusion,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown processor")
