"""`wfctl inspect`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..core.artifact import Artifact
    from ..core.manifest import Manifest, Parity, TensorSpec

MAX_LABELS_SHOWN = 12


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Verify hashes and replay the golden samples.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(artifact: Path, check: bool, as_json: bool) -> None:
    """Show what ARTIFACT is, takes and gives, what it was checked against and where it comes from.

    --check answers the golden samples with every exported file, and exits with 1 where an answer
    is not what training gave. TorchScript is replayed when torch is installed.

    \b
    Examples:
      wfctl inspect digits-artifact
      wfctl inspect digits-artifact --check
    """
    from ..core.artifact import Artifact, read_manifest

    if not check:
        manifest, checks = read_manifest(artifact), None
    else:
        opened = Artifact.open(artifact)
        manifest, checks = opened.manifest, _replay(opened)
    if as_json:
        click.echo(json.dumps(manifest.summary() | ({"check": checks} if check else {})))
        return
    _show(manifest)
    for name, result in (checks or {}).items():
        shown = result if isinstance(result, str) else f"golden samples, max error {result:.2g}"
        click.echo(f"check      {name}: {shown}")


def _replay(artifact: "Artifact") -> dict[str, float | str]:
    """File -> largest absolute error over the golden samples, or why it was not replayed."""
    from importlib.util import find_spec

    from ..core.errors import ParityError
    from ..core.session import Session, check_golden

    samples, tolerance = artifact.golden_samples(), artifact.manifest.tolerance
    results: dict[str, float | str] = {}
    for name, entry in artifact.manifest.files.items():
        path = artifact.path / name
        try:
            if entry.format == "onnx":
                results[name] = check_golden(Session(path), samples, tolerance)
            elif entry.format == "torchscript" and find_spec("torch") is None:
                results[name] = "not replayed, torch is not installed"
            elif entry.format == "torchscript":
                from ..export.replay import TorchScriptSession

                session = TorchScriptSession(path, artifact.manifest)
                results[name] = check_golden(session, samples, tolerance)
        except ParityError as error:
            raise ParityError(f"{path}: {error}") from error
    return results


def _show(manifest: "Manifest") -> None:
    labels = ", ".join(manifest.labels[:MAX_LABELS_SHOWN])
    more = len(manifest.labels) - MAX_LABELS_SHOWN
    host = manifest.host_preprocess.model_dump()
    source = manifest.source
    rows = [
        ("name", manifest.name),
        ("version", manifest.version),
        ("task", manifest.task),
        ("labels", f"{len(manifest.labels)}: {labels}{f', and {more} more' if more > 0 else ''}"),
        *(("input", _tensor(spec)) for spec in manifest.inputs),
        *(("output", _tensor(spec)) for spec in manifest.outputs),
        ("decode", ", ".join(f"{key} {value}" for key, value in host.items())),
        ("boundary", _tensor(manifest.boundary)),
        *(
            ("file", f"{name}  {entry.bytes} bytes  sha256 {entry.sha256[:12]}  {entry.format}")
            for name, entry in manifest.files.items()
        ),
        *(
            ("metrics", f"{name}  " + "  ".join(f"{key} {value:.4f}" for key, value in of.items()))
            for name, of in manifest.metrics.items()
        ),
        *(
            (
                "parity",
                f"{name}  max error {parity.max_abs_error:.2g} (tolerance {manifest.tolerance:.2g})"
                f", {_agreement(parity)}{parity.samples} samples",
            )
            for name, parity in manifest.parity.items()
        ),
        ("source", f"checkpoint {source.checkpoint_sha256[:12]}, epoch {source.epoch}"),
        ("commit", source.git_commit or "unknown"),
        ("data", f"sha256 {source.data_digest[:12]}"),
        ("made with", "  ".join(f"{name} {version}" for name, version in source.versions.items())),
        ("created", manifest.created),
    ]
    for key, value in filter(all, rows):
        click.echo(f"{key:<10} {value}")


def _agreement(parity: "Parity") -> str:
    agreed = parity.label_agreement
    return "" if agreed is None else f"same label {agreed:.2%} of "


def _tensor(spec: "TensorSpec") -> str:
    shape = ", ".join("any" if size == -1 else str(size) for size in spec.shape)
    return f"{spec.name}  {spec.dtype} ({shape})"
