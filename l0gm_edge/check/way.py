"""Where answers part on the way from torch through the file and this machine to the device."""

from __future__ import annotations

from collections.abc import Mapping

from l0gm_edge.check.checks.parity import MAX_DIFFERENCE, distance, keeps
from l0gm_edge.check.limits import finite
from l0gm_edge.core.evidence import Logits
from l0gm_edge.core.truth import Link, Place

INTEGERS = 0.025
"""What two runtimes may make of the same integers, of the largest answer: three steps of 8 bits."""


def links(reference: Logits, answers: Mapping[Place, Logits], unavailable: Mapping[Place, str]) -> tuple[Link, ...]:
    """Each place's distance from torch, in the order of the way; all answers are (rows, classes)."""
    found = []
    for place in Place:
        if place in answers:
            away = distance(answers[place], reference)
            found.append(Link(place=place, difference=finite(away.difference), agreement=away.agreement))
        elif place in unavailable:
            found.append(Link(place=place, unavailable=unavailable[place]))
    return tuple(found)


def parted(scheme: str, reference: Logits, answers: Mapping[Place, Logits], lost: bool) -> Place | None:
    """The first place whose answers leave those of the place before, or None.

    The file is held to what parity allows its scheme; one of integers only where parity is `lost`, since a few rows
    say little of how many answers agree. From there on the same file is computed: floats may differ as parity lets
    them, integers by a few steps.
    """
    before, allowed = reference, MAX_DIFFERENCE.get(scheme, INTEGERS)
    for place in (one for one in Place if one in answers):
        apart = distance(answers[place], before)
        if before is reference:
            sound = keeps(scheme, apart) or not (lost or scheme in MAX_DIFFERENCE)
        else:
            sound = apart.difference <= allowed
        if not sound:
            return place
        before = answers[place]
    return None
