"""All steps in a row: from a trained model to a package and a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from lintel.converters.bench import Bench
from lintel.converters.errors import ConversionError
from lintel.converters.examples import count_examples
from lintel.converters.packing import pack, packable, package_name
from lintel.converters.recipe import Recipe
from lintel.converters.report import Findings, write_report
from lintel.converters.verification import Verification, preferred


def produce(
    recipe: Recipe,
    base: Path,
    out: Path,
    *,
    strict: bool,
    tell: Callable[[str], None] = lambda _: None,
) -> Findings:
    """Converts, verifies, reports and packs; nothing is written before all of it is done.

    Args:
        recipe: What to make.
        base: Folder that its paths are relative to.
        out: The package; the report lies in it.
        strict: A variant that cannot be made is an error, and not only told in the report.
        tell: Takes a line about each step.

    Raises:
        ConversionError: It cannot be done.
    """
    with TemporaryDirectory(prefix="lintel-bench-") as build:
        bench = Bench(recipe, base, Path(build))
        tell("reading examples")
        bench.make_examples()
        tell("running the source")
        bench.run_source()
        refused: dict[str, str] = {}
        for name in in_order(recipe):
            tell(f"converting {name}")
            try:
                bench.convert(name)
            except ConversionError as error:
                if strict:
                    raise
                refused[name] = str(error)
                tell(f"  not to be had: {error}")
                continue
            for found in bench.verify(name):
                tell(f"  {summary(found)}")
        return finish(bench, out, refused)


def in_order(recipe: Recipe) -> list[str]:
    """Returns the variants of a recipe, those first that others are measured against."""
    return sorted(recipe.variants, key=lambda name: not name.endswith("-float32"))


def finish(bench: Bench, out: Path, refused: dict[str, str] | None = None) -> Findings:
    """Packs what passed, and writes the report.

    Args:
        bench: With every variant verified.
        out: The package.
        refused: Why variants could not be made.
    """
    verifications, reference = bench.verifications(), bench.reference
    examples = bench.examples
    ordered = packable(preferred(verifications))
    if bench.recipe.pack == "preferred":
        ordered = ordered[:1]
    classes = bench.recipe.labels or examples.classes
    counts = (count_examples(examples.calibration), count_examples(examples.verification))
    notes = list(examples.notes)
    if counts[1] * (1 - bench.recipe.gate) < 1:
        notes.append(
            f"With {counts[1]} examples to verify with, one that goes wrong is {1 / counts[1]:.2%}:"
            f" too few for a gate of {bench.recipe.gate * 100:.4g} %."
        )
    if ordered:
        pack(bench.recipe, ordered, reference, classes, out)
    findings = Findings(
        name=package_name(bench.recipe),
        model=bench.source.path,
        verifications=verifications,
        packed=[one.name for one in ordered],
        refused=refused or {},
        reference=reference,
        labels=examples.verification_labels,
        classes=classes if bench.recipe.task == "classify" else (),
        notes=notes,
        counts=counts,
    )
    write_report(findings, out)
    return findings


def summary(found: Verification) -> str:
    """Says in one line how a variant compares."""
    if found.measured is None:
        return f"{found.name}: {found.problem}"
    word = "passed" if found.passed else "FAILED"
    return (
        f"{found.name}: {word}, keeps {found.kept:.2%},"
        f" {found.conversion.size_bytes / 1000:.1f} kB,"
        f" {found.measured.latency_ratio[1]:.2f} times the latency of {found.baseline}"
    )
