"""`wfctl predict`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--top-k", type=click.IntRange(min=1), help="Candidates shown.  [the recipe's]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def command(artifact: Path, inputs: tuple[str, ...], top_k: int | None, as_json: bool) -> None:
    """Answer for every INPUT with ARTIFACT: one line each, as `input: label score label score ...`.

    An INPUT is a file; for a model of numbers also the number itself, for one of a table also
    a row as JSON or CSV. A regression gives its values, segmentation the share of the pixels of
    each label, metric learning the embedding. With --json a line holds what the service answers,
    and the input.

    \b
    Examples:
      wfctl predict digits-artifact three.png seven.png --top-k 1
      wfctl predict fizzbuzz-artifact 15 --json
      wfctl predict tabular-artifact '59,2,32.1,101,157,93.2,38,4,4.8598,87'
    """
    from ..core.samples import read_sample
    from ..serve.runtime import Runtime

    runtime = Runtime.load(artifact, replay_golden=False)
    for argument in inputs:
        answer = runtime.answer(read_sample(runtime.manifest, argument), top_k)
        if as_json:
            click.echo(json.dumps({"input": argument, **answer}))
            continue
        click.echo(f"{argument}: {' '.join(map(_shown, answer['predictions']))}")


def _shown(prediction: Mapping[str, Any]) -> str:
    if "embedding" in prediction:
        return " ".join(f"{value:.4f}" for value in prediction["embedding"])
    number = prediction["score"] if "score" in prediction else prediction["value"]
    return f"{prediction['label']} {number:.4f}"
