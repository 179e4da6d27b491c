"""`wfctl report`."""

from pathlib import Path

import click


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
def command(run: Path | None) -> None:
    """Write report.html of RUN, by default the newest, and print its path.

    Training writes it by itself; this makes it anew, such as behind a training that was killed.
    It opens without network: curves, confusions, worst and sample predictions.

    \b
    Examples:
      wfctl report
      wfctl report runs/digits/2026-01-31T12-00-00Z
    """
    from ..core.runs import RunFolder

    folder = RunFolder.open(run) if run is not None else RunFolder.newest()

    from ..train.report.write import write_report

    write_report(folder)
    click.echo(folder.report_file)
