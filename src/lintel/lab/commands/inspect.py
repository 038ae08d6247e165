"""`lintel-lab inspect`: data looked at before training."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Example:
  lintel-lab inspect faces/index.csv --report report.html"""
)
@click.argument("data", type=click.Path(path_type=Path, exists=True), metavar="DATA")
def inspect(data: Path) -> None:
    """Looks at annotated pictures before anything is trained on them."""
    click.echo(data)
