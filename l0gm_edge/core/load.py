"""YAML to typed values, strictly: what is wrong is told by file, key, what was found, what is allowed, nearest name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from l0gm_edge.core import plugins, shipped
from l0gm_edge.core.engine import EngineSettings
from l0gm_edge.core.errors import RecipeError
from l0gm_edge.core.hardware import HardwareProfile
from l0gm_edge.core.network import Model
from l0gm_edge.core.recipe import Data, Recipe
from l0gm_edge.core.value import Value

V = TypeVar("V", bound=Value)


def recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe by shipped name or path, then apply `key.path=value` overrides.

    Raises RecipeError naming file, key, what was found and what is allowed.
    """
    path = shipped.find("recipes", name_or_path)
    document = _override(_read_yaml(path), overrides)
    loaded = checked(Recipe, document, where=str(path), manual="docs/recipes.md")
    _require_plugins(loaded, path)
    return loaded


def hardware(name_or_path: str) -> HardwareProfile:
    """Load a hardware profile by shipped name or path. Raises RecipeError as `recipe` does."""
    path = shipped.find("hardware", name_or_path)
    loaded = checked(HardwareProfile, _read_yaml(path), where=str(path), manual="docs/hardware.md")
    for index, runtime in enumerate(loaded.runtimes):
        _require_plugin("backends", runtime.name, path, f"runtimes.{index}.name")
    _require_plugin("devices", loaded.transport.kind, path, "transport.kind")
    return loaded.seen_from(path.parent)


def engine(path: Path) -> EngineSettings:
    """Load how a device builds a TensorRT engine. Raises RecipeError as `recipe` does."""
    return checked(EngineSettings, _read_yaml(path), where=str(path), manual="docs/tensorrt.md")


def _require_plugins(loaded: Recipe, path: Path) -> None:
    if isinstance(loaded.data, Data):
        _require_plugin("data", loaded.data.name, path, "data.name")
    if isinstance(loaded.model, Model):
        _require_plugin("models.fusion", loaded.model.fusion, path, "model.fusion")
        for modality, encoder in loaded.model.encoders.items():
            _require_plugin("models.encoders", encoder.encoder, path, f"model.encoders.{modality}.encoder")
    _require_plugin("learn.objectives", loaded.learn.objective, path, "learn.objective")
    _require_plugin("gates.methods", loaded.gates.method, path, "gates.method")
    if loaded.prune.experts is not None:
        _require_plugin("prune.experts", loaded.prune.experts.by, path, "prune.experts.by")


def _require_plugin(folder: str, name: str, path: Path, key: str) -> None:
    known = plugins.names(f"l0gm_edge.{folder}")
    if name not in known:
        raise RecipeError(
            f"{key}: found '{name}'" + plugins.nearest(name, known), where=str(path), allowed=", ".join(known)
        )


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML's safe loader, refusing a key that stands twice instead of keeping the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is not text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        return parsed(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise RecipeError(f"not valid YAML: {error}", where=str(path)) from error
    except OSError as error:
        raise RecipeError(f"cannot be read: {error.strerror}", where=str(path)) from error


def parsed(text: str, where: str) -> dict[str, Any]:
    """The mapping that a YAML text holds. Raises RecipeError when it holds none, or a key twice."""
    try:
        document = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 (a safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise RecipeError(f"not valid YAML: {error.problem}", where=place) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"not valid YAML: {error}", where=where) from error
    if not isinstance(document, dict):
        raise RecipeError("the file holds no mapping", where=where, allowed="keys and values at the top level")
    return document


def _override(document: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise RecipeError(f"--set found '{override}'", allowed="key.path=value, for example learn.steps=200")
        *parents, last = key.split(".")
        place = document
        for parent in parents:
            if place.get(parent) is None:
                place[parent] = {}
            place = place[parent]
            if not isinstance(place, dict):
                raise RecipeError(f"--set {key}: '{parent}' holds a value, not keys")
        try:
            place[last] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {key}: '{text}' is not valid YAML") from error
    return document


def checked(kind: type[V], document: Mapping[str, Any], *, where: str, manual: str) -> V:
    """A document as a typed value. Raises RecipeError, naming each wrong key, what was found and what is allowed."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problems = [_explain(kind, problem) for problem in _innermost(error.errors(include_url=False))]
        raise RecipeError("\n".join(problems), where=where, todo=f"see {manual}") from error


def _innermost(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what is said of a list or mapping only because an element of it is wrong."""
    places = [problem["loc"] for problem in problems]
    inside = {place[:depth] for place in places for depth in range(1, len(place))}
    return [problem for problem in problems if problem["loc"] not in inside]


def _explain(kind: type[BaseModel], problem: ErrorDetails) -> str:
    place, known = _looked_up(kind, problem["loc"])
    key = ".".join(place) or "(top level)"
    if problem["type"] == "extra_forbidden":
        if place[-1] in known:  # of another member of a union
            return f"{key}: does not go with the other keys given here"
        hint = plugins.nearest(place[-1], known)
        return f"{key}: unknown key{hint}" + (f" (allowed: {', '.join(known)})" if known else "")
    if problem["type"] == "missing":
        return f"{key}: required, but not given"
    message = problem["msg"].removeprefix("Value error, ")
    found = problem["input"]
    return f"{key}: {message}" + ("" if isinstance(found, Mapping) else f" (found {found!r})")


def _looked_up(kind: type[BaseModel], place: tuple[str | int, ...]) -> tuple[list[str], tuple[str, ...]]:
    """A place as a person writes it, and the field names that its last part could have been.

    pydantic's places hold the tags of unions too; the fields of every member of a union are allowed.
    """
    here: Any = kind
    inside, known = _fields(here), _fields(here)
    written: list[str] = []
    for part in place:
        members = _tagged(here)
        if part in members:
            here = members[part]
            inside = tuple(name for member in members.values() for name in _fields(member))
        else:
            written.append(str(part))
            here = _element(here, part)
            inside, known = _fields(here), inside
    return written, known


def _element(here: Any, part: str | int) -> Any:
    """The annotation of a part of a model, list or mapping."""
    model = _model_of(here)
    if model:
        field = model.model_fields.get(str(part))
        return field.annotation if field else None
    return next((inner for inner in reversed(get_args(here)) if inner is not Ellipsis), None)


def _tagged(annotation: Any) -> dict[str | int, Any]:
    """The members of a union by their tags."""
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
    return {
        mark.tag: get_args(member)[0]
        for member in members
        if get_origin(member) is Annotated
        for mark in get_args(member)[1:]
        if isinstance(mark, Tag)
    }


def _fields(annotation: Any) -> tuple[str, ...]:
    model = _model_of(annotation)
    return tuple(model.model_fields) if model else ()


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType):
        return next(filter(None, map(_model_of, get_args(annotation))), None)
    return None
