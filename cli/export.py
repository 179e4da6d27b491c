"""`wfctl export`."""

from pathlib import Path

import click


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--onnx", "formats", flag_value="onnx", multiple=True, help="Write model.onnx.")
@click.option("--torchscript", "formats", flag_value="torchscript", multiple=True,
              help="Write model.torchscript.pt.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="The artifact's folder.")
def command(run: Path | None, formats: tuple[str, ...], out: Path | None) -> None:
    """Export the best checkpoint of RUN and print the path of the artifact.

    RUN is a run folder; left out, the newest one under runs/. Without a format, the recipe's
    export.formats are written (TorchScript and ONNX). Every file is compared with the trained
    model on held-out samples; if one departs, nothing is exported and the exit code is 1.

    \b
    Examples:
      wfctl export
      wfctl export runs/digits/2026-01-31T12-00-00Z --onnx --out digits-artifact
    """
    from ..core.runs import RunFolder

    folder = RunFolder.newest() if run is None else RunFolder.open(run)

    from ..export.run import export

    click.echo(export(folder, formats, out).path)  # type: ignore[arg-type]
