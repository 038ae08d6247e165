"""Pages that need nothing else."""

from __future__ import annotations

from typing import Any


def render_page(package: str, template: str, **content: Any) -> str:
    """Renders a page.

    Args:
        package: The package that the template lies in.
        template: Its file; it may extend "page.html.jinja" of this one, and import
            "parts.html.jinja".
        **content: What it tells.

    Returns:
        HTML.
    """
    import jinja2  # noqa: PLC0415 -- only reports need it

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package, "."), jinja2.PackageLoader("lintel.reports", ".")]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**content)
