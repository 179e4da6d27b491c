"""`wfctl find-lr`."""

import json

import click


@click.command()
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe key.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]")
@click.option("--iterations", type=click.IntRange(min=20), default=200, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print all rates tried, with their losses.")
def command(
    recipe: str, overrides: tuple[str, ...], device: str, iterations: int, as_json: bool
) -> None:
    """Print a learning rate for RECIPE: the one at which the loss falls fastest.

    A fresh network is trained for some batches while the rate grows from 1e-7 to 10 or until the
    loss diverges. No run folder is made.

    \b
    Examples:
      wfctl find-lr digits
      wfctl train digits --set train.lr=$(wfctl find-lr digits)
    """
    from ..core.recipe_file import built_in_recipes, find_recipe, load_recipe

    path = find_recipe(recipe)
    chosen = load_recipe(path, overrides)

    from ..models.component import add_user_code
    from ..train.device import choose_device
    from ..train.lr_finder import find_lr

    if path not in built_in_recipes().values():
        add_user_code(path.resolve().parent)
    search = find_lr(chosen, choose_device(device), iterations)
    if as_json:
        tried = {"rates": search.rates, "losses": search.losses}
        click.echo(json.dumps({"suggestion": search.suggestion, **tried}))
    else:
        click.echo(f"{search.suggestion:.2e}")
