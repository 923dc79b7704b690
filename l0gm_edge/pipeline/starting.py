"""A first recipe for a person's own model and data: written only when it can run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from l0gm_edge.core import load, store
from l0gm_edge.core.dataset import Dataset
from l0gm_edge.core.description import Description
from l0gm_edge.core.errors import RecipeError, RefusedInput
from l0gm_edge.core.hardware import ChannelMultiple
from l0gm_edge.core.progress import Silent
from l0gm_edge.core.recipe import Recipe, Target
from l0gm_edge.pipeline import gating, learning
from l0gm_edge.pipeline.context import Context
from l0gm_edge.pipeline.describing import describe

EPOCHS = 20
STEPS = (300, 20_000)
"""The least and the most steps that a first recipe trains for."""
BATCH = 64

_TEXT = """\
# A first recipe for {model}, to be changed as you like: docs/recipes.md explains every key.
#   l0gm-edge run {file} --hardware {hardware}{pythonpath}
name: {name}
seed: 0

# Your data: the function returns an l0gm_edge.Dataset. Found: {rows}.
data: {{entry: "{data}"}}

# Your network: the function returns a torch.nn.Module, called as model({modalities}), with {classes} logits.
# Arguments of the call go beside it: arguments: {{width: 64}}
model: {{entry: "{model}"}}

gates:
  # What the cut model comes down to; exactly one key: active_fraction, parameters, parameter_fraction, ...
  target: {{{target}}}

learn:
  # For the dense reference, and again for the compressed model; here about {epochs} times over the training rows.
  steps: {steps}
  batch_size: {batch}
  lr: 2.0e-3

# The compressed model learns from the dense one, too.
distill: {{weight: 0.5, temperature: 2.0}}

checks:
  max_accuracy_drop_points: 1.0
"""


def start(model: str, data: str, profile: str, target: str, out: Path, pythonpath: Sequence[Path] = ()) -> Description:
    """Write a commented recipe for a model and data set by entry, and tell what of the model can be cut.

    `profile` is a hardware profile's name or path, `target` is `key=value`, as under `gates.target`. The data is
    loaded, and the model built, run, gated and exported, before anything is written. Raises RefusedInput when `out`
    exists, RecipeError, and what the stages would raise.
    """
    if out.exists():
        raise RefusedInput("the file is there already", where=str(out), todo="choose another with --out, or remove it")
    hardware = load.hardware(profile)
    key, equals, value = target.partition("=")
    if not equals:
        raise RefusedInput(f"--target found '{target}'", allowed="KEY=VALUE, for example parameters=50000")
    fields = {
        "model": model,
        "data": data,
        "name": model.partition(":")[0].partition(".")[0].strip("_") or "own",
        "target": f"{key}: {value}",
        "file": out,
        "hardware": profile,
        "pythonpath": "".join(f" --pythonpath {folder}" for folder in pythonpath),
        "batch": BATCH,
    }
    draft = _recipe(_TEXT.format(**fields, **_unknown()), out)
    own = tuple(folder.resolve() for folder in pythonpath)
    context = Context(draft, hardware, store.RunFolder(out.parent), None, Silent(), own)
    with context.own_code():
        text = _TEXT.format(**fields, **_found(context.dataset))
        _recipe(text, out)
        if not draft.gates.target.asks_for_latency:  # what meets that, the device will say
            learning.rehearse(context)
        found = _described(draft, context.dataset)
    store.write_text(out, text)
    return found


def _recipe(text: str, out: Path) -> Recipe:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"an entry or the target breaks the YAML: {error}", where=str(out)) from error
    return load.checked(Recipe, document, where=str(out), manual="docs/recipes.md")


def _unknown() -> dict[str, object]:
    return {"rows": "", "modalities": "", "classes": 0, "epochs": EPOCHS, "steps": STEPS[0]}


def _found(data: Dataset) -> dict[str, object]:
    steps = min(max(EPOCHS * len(data.train) // BATCH, STEPS[0]), STEPS[1])
    inputs = ", ".join(f"{name} {shape}" for name, shape in data.shapes.items())
    return {
        "rows": f"{len(data.train):,} training rows of {inputs}; {len(data.classes)} classes",
        "modalities": ", ".join(f"{name}=..." for name in data.shapes),
        "classes": len(data.classes),
        "epochs": round(steps * BATCH / len(data.train)),
        "steps": steps,
    }


def _described(recipe: Recipe, data: Dataset) -> Description:
    anything = recipe.gates.model_copy(update={"target": Target(active_fraction=1.0)})
    model = learning.fresh_model(recipe, data)
    session = gating.attach(recipe.model_copy(update={"gates": anything}), model, data, ChannelMultiple())
    session.close()
    found = describe(session)
    wanted = ", ".join(f"{name} {value:,}" for name, value in recipe.gates.target if value is not None)
    return found.model_copy(update={"target": wanted})
