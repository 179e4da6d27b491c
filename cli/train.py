"""`wfctl train`."""

from pathlib import Path

import click


@click.command()
@click.argument("recipe")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe key.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]")
@click.option("--resume", metavar="auto|RUN", help="Go on with a run; auto: the recipe's newest.")
@click.option(
    "--epochs-more", type=click.IntRange(min=1), metavar="N",
    help="Go on with a run for N epochs more than it was to have.",
)  # fmt: skip
@click.option(
    "--run-dir", type=click.Path(path_type=Path), help="The new run's folder. [runs/RECIPE/TIME]"
)
@click.option(
    "--nproc", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Processes that train together; each takes its share of every batch.",
)  # fmt: skip
@click.option("--stop-at", type=int, hidden=True)
@click.option("--kill-at", type=int, hidden=True)
@click.option("--trace", is_flag=True, hidden=True)
@click.pass_context
def command(
    context: click.Context, recipe: str, overrides: tuple[str, ...], device: str,
    resume: str | None, epochs_more: int | None, run_dir: Path | None, nproc: int,
    stop_at: int | None, kill_at: int | None, trace: bool,
) -> None:  # fmt: skip
    """Train RECIPE, a built-in name or a YAML file, and print the path of the run folder.

    Ctrl-C finishes the step, saves, and says how to go on. A resumed run goes on with the
    recipe it began with; --set may then change only how long and how it is saved.

    \b
    Examples:
      RUN=$(wfctl train digits)
      wfctl train digits --set train.epochs=3 --set train.lr=1e-3
      wfctl train digits --resume auto
      wfctl train digits --epochs-more 5
      wfctl train digits --nproc 2
      torchrun --nproc_per_node 2 -m wfctl.cli.main train digits
    """
    if epochs_more and resume is None:
        resume = "auto"
    if resume and run_dir:
        raise click.UsageError("--resume goes on in the run's own folder; leave --run-dir out")
    if nproc > 1:
        from ..train.launch import launch

        context.exit(launch(_arguments_without_nproc(context), nproc))

    from ..train.request import TrainingRequest, carry_out

    path = carry_out(
        TrainingRequest(
            recipe, overrides, device, resume, epochs_more or 0, run_dir, stop_at, kill_at, trace
        )
    )
    if path is not None:
        click.echo(path)


def _arguments_without_nproc(context: click.Context) -> list[str]:
    """This command again, from its parsed options."""
    arguments = ["train", context.params["recipe"]]
    for option in context.command.params:
        value = context.params[option.name or ""]
        if not isinstance(option, click.Option) or option.name == "nproc" or not value:
            continue
        flag = option.opts[0]
        if option.is_flag:
            arguments.append(flag)
        else:
            values = value if option.multiple else [value]
            arguments += [part for each in values for part in (flag, str(each))]
    return arguments
