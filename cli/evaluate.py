"""`wfctl evaluate`."""

import json
from pathlib import Path

import click


@click.command()
@click.argument("path", metavar="RUN|ARTIFACT", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a recipe key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(path: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print the metrics of a run's best checkpoint, or of every file of an artifact.

    They are computed on the whole held-out split of the recipe's data.

    \b
    Examples:
      wfctl evaluate runs/digits/2026-01-31T12-00-00Z
      wfctl evaluate digits-artifact --json --set data.root=/data/digits
    """
    from ..export.evaluate import evaluate

    result = evaluate(path, overrides)
    if as_json:
        click.echo(json.dumps(result))
        return
    for name, metrics in result["files"].items():
        values = "  ".join(f"{metric} {value:.4f}" for metric, value in metrics.items())
        click.echo(f"{name}  {result['split']}  {values}")
