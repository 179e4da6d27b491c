"""`wfctl init`: a built-in recipe with its code, as a start for one's own."""

from pathlib import Path

import click


@click.command("init")
@click.argument("recipe")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(recipe: str, folder: Path) -> None:
    """Copy the built-in recipe RECIPE into DIR, with the code of its data set and network.

    DIR must be empty or not there. Prints the path of the new recipe.

    \b
    Example:
      wfctl init digits my-digits
      wfctl train my-digits/recipe.yaml
    """
    from ..models.starter import write_starter

    recipe_file, modules = write_starter(recipe, folder)
    for module in modules:
        click.echo(f"edit {module}: the recipe's data set and network", err=True)
    click.echo(f"then: wfctl train {recipe_file}", err=True)
    click.echo(recipe_file)
