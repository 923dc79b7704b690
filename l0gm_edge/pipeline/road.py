"""The stages in order: what each is made from, and therefore when it must be made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from l0gm_edge.backends import MIXED
from l0gm_edge.core import environment, store
from l0gm_edge.core.hardware import Budgets, HardwareProfile
from l0gm_edge.core.progress import Progress, Silent
from l0gm_edge.core.recipe import Recipe
from l0gm_edge.core.report import Report
from l0gm_edge.core.session import Session
from l0gm_edge.core.value import Value
from l0gm_edge.pipeline import preflight
from l0gm_edge.pipeline.context import Context

PACKAGE = Path(__file__).parents[1]
PAGES = ("report.json", "report.md", "report.html")
"""What the report stage leaves, also put where a person looks first: at the top of the run folder."""
PYTHONPATH = "pythonpath.json"
Settings = Callable[[Context], dict[str, str]]


class PythonPath(Value):
    """Folders that hold the person's own code, kept in the run folder so that its stages find it again."""

    folders: tuple[Path, ...]


@dataclass(frozen=True)
class Stage:
    """A stage's name, the stages it reads (if they are on this road), the settings and the source folders its result
    depends on.

    Its work is the function of the same name in `module`, imported when it must be done. `ready` raises what would
    stop it, when that can be known before any stage is made.
    """

    name: str
    module: str
    after: tuple[str, ...]
    sources: tuple[str, ...]
    settings: Settings
    ready: Callable[[Context], None] = preflight.nothing

    def inputs(self, context: Context, records: dict[str, store.StageRecord]) -> dict[str, str]:
        """Digests of everything the stage is made from."""
        return {
            "code": source_sha256(("core", "pipeline", *self.sources)),
            "tools": _digest(environment.tool_versions()),
            **self.settings(context),
            **{name: records[name].sha256 for name in self.after if name in records},
        }

    def work(self, context: Context, folder: Path) -> None:
        """Do the stage's work into a folder."""
        function: Callable[[Context, Path], None] = getattr(import_module(self.module), self.name)
        function(context, folder)


def _tabulate_settings(context: Context) -> dict[str, str]:
    recipe, gates = context.recipe, context.recipe.gates
    parts = (recipe.model, recipe.moe, recipe.prune, {"sites": [*gates.sites], "min_units": gates.min_units})
    return {
        "settings": _digest(recipe.seed, *parts, _device(context)),
        "data": context.data_fingerprint,
        **context.own_networks,
    }


def _learn_settings(context: Context) -> dict[str, str]:
    recipe = context.recipe
    parts = (recipe.data, recipe.model, recipe.moe, recipe.gates, recipe.learn, recipe.distill, recipe.prune)
    widths = context.hardware.channel_multiple
    return {"settings": _digest(recipe.seed, *parts, widths), "data": context.data_fingerprint, **context.own_networks}


def _prune_settings(context: Context) -> dict[str, str]:
    recipe = context.recipe
    sized_on = _device(context) if recipe.gates.target.asks_for_latency else None
    settings = _digest(recipe.seed, recipe.gates, recipe.prune, context.hardware.channel_multiple, sized_on)
    return {"settings": settings, **context.own_networks}


def _recover_settings(context: Context) -> dict[str, str]:
    recipe = context.recipe
    settings = _digest(recipe.seed, recipe.moe, recipe.learn, recipe.distill)
    return {"settings": settings, **context.own_networks}


def _quantize_settings(context: Context) -> dict[str, str]:
    recipe = context.recipe
    return {"settings": _digest(recipe.seed, recipe.quantize), "data": context.data_fingerprint}


def _compile_settings(context: Context) -> dict[str, str]:
    recipe, hardware = context.recipe, context.hardware
    runtimes = [one.model_copy(update={"session": Session()}) for one in hardware.runtimes]
    settings = {"settings": _digest(recipe.quantize, *runtimes), **context.own_networks}
    if any(MIXED in runtime.schemes for runtime in hardware.runtimes):  # it is chosen on the device, on validation
        settings["trials"] = _digest(recipe.measure, recipe.checks, hardware)
        settings["data"] = context.data_fingerprint
    return settings


def _measure_settings(context: Context) -> dict[str, str]:
    return {"settings": _digest(context.recipe.measure, _device(context)), "data": context.data_fingerprint}


def _finish_settings(context: Context) -> dict[str, str]:
    races = [race for one in context.hardware.runtimes for race in one.session.race]
    return {"settings": _digest(context.recipe.measure, _device(context), *races), "data": context.data_fingerprint}


def _device(context: Context) -> HardwareProfile:
    """The profile less what is only judged by, and what is only raced at the end."""
    asked = {"race": (), "max_cpu_share": Session().max_cpu_share}
    runtimes = tuple(
        one.model_copy(update={"session": one.session.model_copy(update=asked)}) for one in context.hardware.runtimes
    )
    return context.hardware.model_copy(update={"budgets": Budgets(), "runtimes": runtimes})


def _whole_settings(context: Context) -> dict[str, str]:
    return {"settings": _digest(context.recipe, context.hardware)}


def _no_settings(_: Context) -> dict[str, str]:
    return {}


_LEARNING = ("data", "gates", "models", "learn", "cost")
_TIMING = ("cost", "compile", "backends", "devices", "measure", "ondevice")
_TABULATE = Stage(
    "tabulate",
    "l0gm_edge.pipeline.learning",
    (),
    ("data", "gates", "models", *_TIMING),
    _tabulate_settings,
    preflight.tabulating,
)
"""Only where the target is in milliseconds."""
_ROAD = (
    Stage("learn", "l0gm_edge.pipeline.learning", ("tabulate",), _LEARNING, _learn_settings, preflight.learning),
    Stage("prune", "l0gm_edge.pipeline.learning", ("tabulate", "learn"), (*_LEARNING, "prune"), _prune_settings),
    Stage("recover", "l0gm_edge.pipeline.learning", ("learn", "prune"), (*_LEARNING, "prune"), _recover_settings),
    Stage("quantize", "l0gm_edge.pipeline.building", (), ("data", "quantize"), _quantize_settings),
    Stage(
        "compile",
        "l0gm_edge.pipeline.building",
        ("learn", "recover", "quantize"),
        ("models", "prune", "quantize", "compile", "ranges", "check", *_TIMING),
        _compile_settings,
        preflight.compiling,
    ),
    Stage(
        "measure",
        "l0gm_edge.pipeline.judging",
        ("compile",),
        ("devices", "measure", "ondevice"),
        _measure_settings,
        preflight.measuring,
    ),
    Stage("check", "l0gm_edge.pipeline.judging", ("learn", "prune", "recover", "measure"), ("check",), _whole_settings),
    Stage(
        "finish",
        "l0gm_edge.pipeline.judging",
        ("compile", "check"),
        ("backends", "check", "devices", "measure", "ondevice"),
        _finish_settings,
    ),
    Stage("report", "l0gm_edge.pipeline.judging", ("check", "finish"), ("report",), _whole_settings),
    Stage("bundle", "l0gm_edge.pipeline.judging", ("report",), ("bundle", "report"), _no_settings, preflight.bundling),
)
STAGES = tuple(stage.name for stage in _ROAD)


def run(
    recipe: Recipe,
    hardware: HardwareProfile,
    folder: Path,
    data_dir: Path | None = None,
    progress: Progress | None = None,
    pythonpath: Sequence[Path] = (),
) -> Report:
    """Go the whole road; stages whose inputs are unchanged are reused, an interrupted one goes on.

    `pythonpath` are folders that hold the person's own code, where the recipe names some and it is not installed.
    Raises what the stages raise; finished stages are kept. What can be known to stop a stage is raised before any work.
    """
    own = tuple(path.resolve() for path in pythonpath)
    context = Context(recipe, hardware, store.RunFolder(folder), data_dir, progress or Silent(), own)
    with store.storage_errors(folder), context.run.exclusive(), context.own_code():
        _go(context, STAGES[-1])
    return store.read_value(Report, folder / "report.json")


def run_stage(
    folder: Path,
    stage: str,
    data_dir: Path | None = None,
    progress: Progress | None = None,
    pythonpath: Sequence[Path] = (),
) -> None:
    """Make one stage of a run folder, and those before it where they are missing or outdated.

    The person's own code is looked for where the run found it, unless `pythonpath` says another place.
    Raises RefusedInput when the folder is not one of a run.
    """
    recipe = store.read_value(Recipe, folder / "recipe.json")
    hardware = store.read_value(HardwareProfile, folder / "hardware.json")
    own = tuple(path.resolve() for path in pythonpath) or _remembered(folder)
    context = Context(recipe, hardware, store.RunFolder(folder), data_dir, progress or Silent(), own)
    with store.storage_errors(folder), context.run.exclusive(), context.own_code():
        _go(context, stage)


def _go(context: Context, last: str) -> None:
    road = _ROAD[: STAGES.index(last) + 1]
    if context.recipe.gates.target.asks_for_latency:
        road = (_TABULATE, *road)
    records: dict[str, store.StageRecord] = {}
    begun = False
    for at, stage in enumerate(road):
        inputs = stage.inputs(context, records)
        known = context.run.finished(stage.name, inputs)
        if known is None and not begun:
            _begin(context, road[at:])
            begun = True
        context.progress.stage(stage.name, reused=known is not None)
        records[stage.name] = known or context.run.make(stage.name, inputs, partial(stage.work, context))
        if stage.name == "report":
            _publish(context.run)


def _begin(context: Context, ahead: Sequence[Stage]) -> None:
    """Refuse what cannot work, the quickest look first, then leave in the run folder what it is made from."""
    for stage in reversed(ahead):
        stage.ready(context)
    store.write_value(context.run.root / "recipe.json", context.recipe)
    store.write_value(context.run.root / "hardware.json", context.hardware)
    if context.pythonpath:
        store.write_value(context.run.root / PYTHONPATH, PythonPath(folders=context.pythonpath))


def _remembered(folder: Path) -> tuple[Path, ...]:
    path = folder / PYTHONPATH
    return store.read_value(PythonPath, path).folders if path.is_file() else ()


def _publish(run_folder: store.RunFolder) -> None:
    for page in PAGES:
        store.write_bytes(run_folder.root / page, (run_folder.path("report") / page).read_bytes())


def _digest(*parts: Value | int | Mapping[str, object] | None) -> str:
    texts = [part.model_dump_json() if isinstance(part, Value) else json.dumps(part, sort_keys=True) for part in parts]
    return store.text_sha256("\n".join(texts))


def source_sha256(folders: tuple[str, ...]) -> str:
    """Digest of the package's source under these folders, so that a result never outlives the code that made it."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(PACKAGE).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
