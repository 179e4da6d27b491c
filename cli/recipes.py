"""`wfctl recipes`: what can be trained out of the box, and the schema of a recipe."""

import json
from pathlib import Path

import click


@click.command("recipes")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a recipe, for editors.")
def command(as_json: bool, schema: bool) -> None:
    """List the built-in recipes, or print the JSON Schema that every recipe follows.

    \b
    Examples:
      wfctl recipes
      wfctl recipes --schema > recipe.schema.json
    """
    from ..core.recipe import recipe_schema
    from ..core.recipe_file import built_in_recipes, load_recipe

    if as_json and schema:
        raise click.UsageError("--json lists the recipes and --schema prints their schema: one.")
    if schema:
        click.echo(json.dumps(recipe_schema(), indent=2))
        return
    rows = [
        {
            "name": name,
            "task": load_recipe(path).task,
            "description": describe(path),
            "path": str(path),
        }
        for name, path in built_in_recipes().items()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['description']}")


def describe(recipe: Path) -> str:
    """The comment on the first line of a recipe file."""
    first = recipe.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
