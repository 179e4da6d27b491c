"""`wfctl serve`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

if TYPE_CHECKING:
    from ..serve.runtime import Runtime


@click.command()
@click.argument("artifact", required=False, type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="IP address to listen on.")
@click.option(
    "--port", default=3000, show_default=True, type=click.IntRange(0, 65535), help="0: a free one."
)
def command(artifact: Path | None, host: str, port: int) -> None:
    """Serve ARTIFACT over HTTP until Ctrl-C or SIGTERM; without one, the newest under runs/.

    The files' hashes are checked and the golden samples replayed before the first request is taken.

    \b
    Examples:
      wfctl serve
      wfctl serve runs/digits/2026-01-01T00-00-00Z/export/digits --port 8080
    """
    from ..core.runs import newest_artifact
    from ..serve.server import serve

    path = newest_artifact() if artifact is None else artifact

    def announce(url: str, runtime: "Runtime") -> None:
        manifest = runtime.manifest
        click.echo(f"serving {manifest.name} {manifest.version} ({path}) at {url}", err=True)
        click.echo(f"try: {_example(url, runtime)}", err=True)

    serve(path, host, port, announce)
    click.echo("stopped", err=True)


def _example(url: str, runtime: "Runtime") -> str:
    """A curl line that the model answers."""
    from ..core.manifest import ImageInput, NumberInput, TableInput

    match runtime.manifest.host_preprocess:
        case ImageInput():
            data, media = "@picture.png", "image/png"
        case NumberInput(minimum=minimum):
            data, media = str(minimum), "text/plain"
        case TableInput(columns=columns):
            data, media = ",".join("0" for _ in columns), "text/csv"
        case other:
            assert_never(other)
    return shlex.join(
        ["curl", "--data-binary", data, "-H", f"content-type: {media}", f"{url}/predict"]
    )
