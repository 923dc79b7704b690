"""`l0gm-edge recipes`: the recipes that ship, and the schema an editor completes and checks them with."""

from __future__ import annotations

import click

from l0gm_edge.cli._output import json_option, print_json, print_yaml


@click.group("recipes")
def command() -> None:
    """List and show recipes; print their JSON Schema."""


@command.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the recipes that ship with the package."""
    from l0gm_edge.core import load, shipped

    found = {name: load.recipe(name).description for name in shipped.names("recipes")}
    if as_json:
        print_json([{"name": name, "description": description} for name, description in found.items()])
    else:
        for name, description in found.items():
            click.echo(f"{name:12} {description}")


@command.command("show")
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a recipe key; may repeat.")
@json_option
def show(recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print RECIPE (a shipped name or a path), checked, with every default filled in."""
    from l0gm_edge.core import load

    loaded = load.recipe(recipe, overrides)
    if as_json:
        print_json(loaded)
    else:
        print_yaml(loaded)


@command.command("schema")
@json_option
def schema(as_json: bool) -> None:  # noqa: ARG001 (it is JSON either way)
    """Print the JSON Schema of recipes, for editors."""
    from l0gm_edge.core.recipe import Recipe

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema"} | Recipe.model_json_schema())
