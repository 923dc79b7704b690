"""Names, groups and keywords of emoji, put together from the published tables of four sources.

- Unicode's emoji-test.txt: the order of emoji, their names, groups and subgroups;
- Emojibase: tags, which emoji are skin tones of which, and the groups of emoji newer than Unicode's file;
- emojilib: keywords of each emoji without a tone;
- gemoji: more keywords.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l0gm_edge.core.errors import DataError

UNICODE, EMOJILIB, GEMOJI = "emoji-test.txt", "emoji-en-US.json", "gemoji.json"
LINE = re.compile(r"(?P<code>[0-9A-F ]+?) *; (?:fully-qualified|component) *# \S+ E\S+ (?P<name>.*)")
TONES = {f"{code:x}": tone for tone, code in enumerate(range(0x1F3FB, 0x1F400), start=1)}
VARIATION = "fe0f"
TEST_ONE_IN = 5


class Kind(NamedTuple):
    """What emoji-test.txt says of an emoji."""

    name: str
    group: str
    subgroup: str


def entries(folder: Path, emojibase: Sequence[Mapping[str, Any]], pictured: Collection[str]) -> list[Mapping[str, Any]]:
    """An entry for each emoji that has a picture, by the codes of those: Unicode's order first, newer ones by code.

    Raises DataError when a table in the folder is not what it should be.
    """
    try:
        kinds = _kinds((folder / UNICODE).read_text(encoding="utf-8"))
        named = json.loads((folder / EMOJILIB).read_text(encoding="utf-8"))
        others = json.loads((folder / GEMOJI).read_text(encoding="utf-8"))
        library = {_code(key): words for key, words in named.items()}
        more = {_code(one["emoji"]): one["tags"] for one in others}
        bases, labels, tags, places = _emojibase(emojibase)
        known = {places[code]: kind for code, kind in kinds.items() if places.get(code)}
        newer = sorted((code for code in set(pictured) - {*kinds} if places.get(code) in known), key=_char)
        made = []
        for code in [*(code for code in kinds if code in pictured), *newer]:
            base = bases.get(code, code)
            kind = kinds.get(code) or known[places[code]]._replace(name=labels[base])
            parts = (table.get(code) or table.get(base) or [] for table in (library, tags, more))
            words = dict.fromkeys(word.replace("_", " ") for part in parts for word in part)
            made.append(_entry(code, base, kind, [word for word in words if word != kind.name]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"not the tables of emoji: {error!r}", where=str(folder)) from error
    return made


def as_json(made: Iterable[Mapping[str, Any]]) -> str:
    """The entries as a JSON list, one a line."""
    lines = (json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in made)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def plain(code: str) -> str:
    """A code point sequence as the pictures are named: lower case, no variation selectors or leading zeros."""
    parts = (part.lstrip("0") for part in re.split("[ -]", code.lower()))
    return "-".join(part for part in parts if part != VARIATION)


def _entry(code: str, base: str, kind: Kind, keywords: Sequence[str]) -> Mapping[str, Any]:
    parts = code.split("-")
    drawn = hashlib.md5(_char(base).encode(), usedforsecurity=False).digest()[0]
    return {
        "code": code,
        "char": _char(code),
        "name": kind.name,
        "keywords": keywords,
        "group": kind.group,
        "subgroup": kind.subgroup,
        "base": base,
        "tones": [TONES[part] for part in parts if part in TONES] if len(parts) > 1 else [],
        "split": "train" if drawn % TEST_ONE_IN else "test",
    }


def _kinds(text: str) -> Mapping[str, Kind]:
    kinds: dict[str, Kind] = {}
    group = subgroup = ""
    for line in text.splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif line.startswith("# subgroup: "):
            subgroup = line.removeprefix("# subgroup: ")
        elif found := LINE.fullmatch(line):
            kinds[plain(found["code"])] = Kind(found["name"], group, subgroup)
    if not kinds:
        raise ValueError(f"{UNICODE} names no emoji")
    return kinds


def _emojibase(table: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """By code: the emoji without tone, the label, the tags, and Emojibase's own number of group and subgroup."""
    bases, labels, tags, places = {}, {}, {}, {}
    for base in table:
        for one in (base, *base.get("skins", [])):
            code = plain(one["hexcode"])
            bases[code], labels[code], tags[code] = plain(base["hexcode"]), one["label"], one.get("tags")
            places[code] = (one["group"], one["subgroup"]) if "group" in one else None
    return bases, labels, tags, places


def _code(char: str) -> str:
    return plain("-".join(f"{ord(one):x}" for one in char))


def _char(code: str) -> str:
    return "".join(chr(int(part, 16)) for part in code.split("-"))
