"""`wfctl bento`."""

from pathlib import Path

import click


@click.command()
@click.argument("artifact", required=False, type=click.Path(path_type=Path))
def command(artifact: Path | None) -> None:
    """Pack ARTIFACT and the service into a Bento and print its tag.

    Without ARTIFACT, the newest one under runs/. Run it in the checkout's root, after `make wheel`:
    the artifact is copied to ./artifact, and bentofile.yaml says what else goes in. Needs no
    network.

    \b
    Example:
      bentoml serve $(wfctl bento)
    """
    from ..core.artifact import Artifact
    from ..core.runs import newest_artifact
    from ..serve.bento_build import build_bento

    opened = Artifact.open(newest_artifact() if artifact is None else artifact)
    click.echo(f"packing {opened.path}", err=True)
    click.echo(build_bento(opened, Path.cwd()))
