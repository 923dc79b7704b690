"""The page of a model's profile on one device: what every kind has, around what only its kind has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from l0gm_edge.core.profiled import (
    AggregateProfile,
    ModelProfile,
    OfflineProfile,
    Profiled,
    SustainedProfile,
    ThreadProfile,
)
from l0gm_edge.report import (
    device_state,
    distribution,
    profile_aggregates,
    profile_offline,
    profile_steady,
    profile_sustained,
    profile_threads,
    ratios,
    timeline,
    wording,
)
from l0gm_edge.report.device_state import StateRow
from l0gm_edge.report.headline import Figure
from l0gm_edge.report.pages import template

Sections = (
    profile_steady.View | profile_sustained.View | profile_offline.View | profile_threads.View | profile_aggregates.View
)
KINDS: dict[type[Sections], tuple[str, str]] = {
    profile_steady.View: ("profile", "profile-steady.html"),
    profile_sustained.View: ("sustained profile", "profile-sustained.html"),
    profile_offline.View: ("throughput", "profile-offline.html"),
    profile_threads.View: ("profile of numbers of threads", "profile-threads.html"),
    profile_aggregates.View: ("profile", "profile-aggregates.html"),
}
"""How a kind of profile is called, and the template of what only it has."""


@dataclass(frozen=True)
class View:
    """A profile as its page shows it; `spoiled` says that `warnings` make the figures worth nothing."""

    profile: Profiled
    name: str
    kind: str
    setup: str
    figures: tuple[Figure, ...]
    warnings: tuple[str, ...]
    spoiled: bool
    template: str
    sections: Sections
    states: tuple[StateRow, ...]
    facts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def render(found: Profiled) -> str:
    """The page as text."""
    return template("profile.html").render(p=view(found), charts=distribution, ratios=ratios, time=timeline)


def view(found: Profiled) -> View:
    """What the page shows of a profile of any kind."""
    sections = _sections(found)
    kind, name = KINDS[type(sections)]
    spoiled = bool(found.disturbed) and not isinstance(found, SustainedProfile)  # there it is what one wants to see
    return View(
        profile=found,
        name=Path(found.model).name,
        kind=kind,
        setup=f"{found.runtime_version} · {_threads(found)} · {wording.size(found.size_bytes)}",
        figures=sections.figures,
        warnings=tuple(sorted(found.warnings, key=lambda one: one not in found.disturbed)),
        spoiled=spoiled,
        template=name,
        sections=sections,
        states=device_state.state_rows(found.before.conditions, found.after.conditions),
        facts=_facts(found),
    )


def _sections(found: Profiled) -> Sections:
    match found:
        case ModelProfile():
            return profile_steady.view(found)
        case SustainedProfile():
            return profile_sustained.view(found)
        case OfflineProfile():
            return profile_offline.view(found)
        case ThreadProfile():
            return profile_threads.view(found)
        case AggregateProfile():
            return profile_aggregates.view(found)
    raise TypeError(f"no page is known for a {type(found).__name__}")


def _threads(found: Profiled) -> str:
    if isinstance(found, ThreadProfile):
        return f"{', '.join(str(row.threads) for row in found.rows)} threads"
    return "1 thread" if found.threads == 1 else f"{found.threads} threads"


def _facts(found: Profiled) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """What the device is, and what was run, as captions with keys and values."""
    model = (("file", found.model), ("sha256", found.sha256), ("runtime", found.runtime_version))
    facts = [("Machine", tuple(found.before.machine.items())), ("Model", model)]
    engine = found.engine if isinstance(found, ModelProfile) else None
    if engine:
        facts.append(("Engine", (("size", wording.size(engine.size_bytes)), ("timed by", engine.timing))))
    return tuple(facts)
