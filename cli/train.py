"""`wfctl train`."""

from pathlib import Path

import click


@click.command()
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe key.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]")
@click.option("--resume", metavar="auto|RUN", help="Go on with a run; auto: the recipe's newest.")
@click.option(
    "--run-dir", type=click.Path(path_type=Path), help="The new run's folder. [runs/RECIPE/TIME]"
)
def command(
    recipe: str, overrides: tuple[str, ...], device: str, resume: str | None, run_dir: Path | None
) -> None:
    """Train RECIPE, a built-in name or a YAML file, and print the path of the run folder.

    Ctrl-C finishes the step, saves, and says how to go on. A resumed run goes on with the
    recipe it began with; --set may then change only how long and how it is saved.

    \b
    Examples:
      RUN=$(wfctl train digits)
      wfctl train digits --set train.epochs=3 --set train.lr=1e-3
      wfctl train digits --resume auto
    """
    if resume and run_dir:
        raise click.UsageError("--resume goes on in the run's own folder; leave --run-dir out")
    from ..core.recipe_file import built_in_recipes, find_recipe, load_recipe
    from ..core.runs import RunFolder

    path = find_recipe(recipe)
    chosen = load_recipe(path, () if resume else overrides)

    from ..models.component import add_user_code
    from ..train.device import choose_device
    from ..train.run import train
    from ..train.run_folder import resume_run, start_run
    from ..train.training import check_recipe

    chosen_device = choose_device(device)
    if resume:
        run = RunFolder.newest(chosen.name) if resume == "auto" else RunFolder.open(Path(resume))
        chosen = resume_run(run, overrides)
        add_user_code(run.code)
    else:
        user_code = None if path in built_in_recipes().values() else path.resolve().parent
        if user_code is not None:
            add_user_code(user_code)
        check_recipe(chosen)
        run = start_run(chosen, user_code, run_dir)
    train(chosen, run, chosen_device)
    click.echo(run.path)
