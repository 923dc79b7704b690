"""The templates of every page, which are self-contained: no network, no scripts, no other files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from l0gm_edge.report import wording


@cache
def template(name: str) -> Template:
    """A page's template; every text that is put into it is escaped, and `w` words numbers."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["w"] = wording
    return environment.get_template(name)
