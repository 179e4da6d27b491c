"""`wfctl verify-resume`."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click


@click.command()
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe key.")
@click.option(
    "--iterations", type=click.IntRange(min=1), metavar="N",
    help="Train N iterations, kill, resume, train N. [the middle of an epoch, and its end]",
)  # fmt: skip
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]")
@click.option("--nproc", type=click.IntRange(min=1), default=1, show_default=True, metavar="K",
              help="Processes that train together.")  # fmt: skip
@click.option(
    "--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep both runs in this folder."
)
def command(
    recipe: str, overrides: tuple[str, ...], iterations: int | None, device: str, nproc: int,
    keep: Path | None,
) -> None:  # fmt: skip
    """Prove for RECIPE that stopping and resuming equals not stopping, bit for bit.

    It is trained twice by real processes: without a stop, and killed by SIGKILL and resumed.
    Losses, samples and inputs of every iteration, weights, optimizer, random state and metrics
    are compared. Exit code 1, with the first difference, when they are not equal.

    \b
    Examples:
      wfctl verify-resume digits
      wfctl verify-resume digits --nproc 2 --set train.ema_decay=0.99
      wfctl verify-resume my-recipe.yaml --iterations 50 --keep both-runs
    """
    from ..core.errors import RunError
    from ..train.verify_resume import plan_for, verify_resume

    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise RunError(f"{keep}: is not empty; name another --keep")
    plan = plan_for(recipe, overrides, iterations)
    kills = " and ".join(f"{kill.at} (checkpoint of {kill.checkpoint})" for kill in plan.kills)
    click.echo(f"wfctl: {plan.iterations} iterations, once without a stop, once killed behind "
               f"iteration {kills}", err=True)  # fmt: skip
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wfctl-")))
        compared = verify_resume(recipe, overrides, device, nproc, plan, folder)
    click.echo("equal")
    for name, count in compared.items():
        click.echo(f"  {count:>6}  {name}")
