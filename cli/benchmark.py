"""`wfctl benchmark`."""

from pathlib import Path
from typing import Literal

import click

STDOUT = Path("-")


def parse_batch_sizes(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """`1,8` to (1, 8), each size once, in the order given.

    Raises:
        click.BadParameter: a part is not a whole number of at least 1.
    """
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) >= 1 for part in parts):
        raise click.BadParameter(
            f"{value!r}; expected whole numbers of at least 1, separated by commas, as in 1,8",
            ctx, parameter,
        )  # fmt: skip
    return tuple(dict.fromkeys(int(part) for part in parts))


@click.command("benchmark")
@click.argument("artifact", required=False, type=click.Path(path_type=Path))
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where all variants run.",
)
@click.option(
    "--batch",
    "batch_sizes",
    callback=parse_batch_sizes,
    metavar="1,8",
    help="Batch sizes.  [default: the recipe's benchmark.batch_sizes]",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads of each variant; more than one makes the times of small models jump.",
)
@click.option(
    "--rounds", type=click.IntRange(min=1), help="Rounds a launch.  [default: 6; quick: 8]"
)
@click.option("--quick", is_flag=True, help="One launch instead of six.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the report as JSON; - prints it on stdout instead of the table.",
)
@click.option(
    "--trace",
    "trace_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the profiler's Chrome traces, one .json.gz a batch size.",
)
@click.option(
    "--row-limit",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Rows of the profiler's table.",
)
@click.option(
    "--profile-sort", metavar="COLUMN",
    help="Sort the profiler's table by a column, as cpu_time_total or count.  "
    "[default: self_cpu_time_total, or self_cuda_time_total]",
)  # fmt: skip
def command(
    artifact: Path | None,
    device: Literal["cpu", "cuda"],
    batch_sizes: tuple[int, ...] | None,
    threads: int,
    rounds: int | None,
    quick: bool,
    json_file: Path | None,
    trace_folder: Path | None,
    row_limit: int,
    profile_sort: str | None,
) -> None:
    """Measure ARTIFACT's latency: the trained model (eager), TorchScript and ONNX side by side.

    ARTIFACT left out is the newest under runs/. Before anything is timed, the outputs of all
    variants are compared with what training gave. Then each runs in a process of its own, in random
    interleaved rounds, beside a second copy of the first variant that shows the noise (A/A). The
    autograd profiler runs in a pass of its own.

    Exits with 1 when outputs differ or a variant fails, with 3 when the copies differ too much for
    the numbers to be believed, with 130 after Ctrl-C; the last three still print what there is.

    \b
    Examples:
      wfctl benchmark --quick
      wfctl benchmark runs/digits/.../export/digits --batch 1,32 --threads 1 --json report.json
      wfctl benchmark --trace traces --row-limit 20 --profile-sort cpu_time_total
    """
    from ..benchmarks.plan import make_plan, make_profile_plan
    from ..benchmarks.run import benchmark, check_destination, check_report
    from ..benchmarks.table import render
    from ..core.artifact import Artifact
    from ..core.files import write_bytes_atomically
    from ..core.runs import newest_artifact

    opened = Artifact.open(artifact or newest_artifact())
    file = None if json_file == STDOUT else json_file
    profile = make_profile_plan(device, profile_sort, row_limit, trace_folder)
    plan = make_plan(
        opened.manifest, profile, device=device, batch_sizes=batch_sizes, threads=threads,
        rounds=rounds, quick=quick,
    )  # fmt: skip
    check_destination(file, trace_folder)
    report = benchmark(opened, plan, lambda line: click.echo(line, err=True))
    try:
        if file is not None:
            write_bytes_atomically(file, report.to_json().encode())
    finally:  # a full disk does not take the table with it
        click.echo(report.to_json() if json_file == STDOUT else render(report), nl=False)
    check_report(report)
