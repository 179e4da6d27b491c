"""Run to artifact: every file passes the gate, the manifest comes last, or nothing is left."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ..core.artifact import Artifact, ArtifactWriter
from ..core.environment import git_commit, versions
from ..core.manifest import Manifest, Parity, Source, TensorSpec
from ..core.runs import RunFolder
from ..models.dataset import check_labels, known_to_sources, load_splits, raw_batches
from ..models.preprocess import describe_boundary, describe_input
from ..models.trained import Trained, load_trained
from .evaluate import measure
from .golden import golden_samples, spread
from .onnx import to_onnx
from .parity import check_parity, other_sizes
from .runners import eager_runner, file_runner
from .torchscript import to_torchscript

ExportFormat = Literal["torchscript", "onnx"]
FILES: dict[ExportFormat, str] = {"torchscript": "model.torchscript.pt", "onnx": "model.onnx"}
GATE_SAMPLES = 256  # held-out samples that each file is compared on; metrics are of all
VERSIONED = ("wfctl", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")


def export(
    run: RunFolder, formats: Sequence[ExportFormat] = (), out: Path | None = None
) -> Artifact:
    """Export the best checkpoint of a run.

    Args:
        formats: what to write; the recipe's `export.formats` when empty.
        out: the artifact's folder in place of `<run>/export/<name>`.

    Raises:
        ParityError: a file departs from the trained model; no artifact is left.
        CheckpointError: the run has no usable checkpoint.
        RecipeError: the data is not what the model was trained with.
    """
    trained = load_trained(run)
    recipe = trained.recipe
    splits = load_splits(recipe.data, known_to_sources(recipe))
    check_labels(splits, trained.labels, trained.columns)
    held_out = list(raw_batches(splits.held_out, recipe.data.batch_size))
    samples = [sample for raw, _ in held_out for sample in raw]
    host, input_spec = describe_input(recipe.preprocess, trained.columns)
    eager = eager_runner(trained.pipeline)
    output_spec = trained.task.output_spec(eager(samples[0].unsqueeze(0)).shape[1:])
    metrics = {"checkpoint": measure(trained.task, eager, held_out)}
    parity: dict[str, Parity] = {}
    chosen = spread(samples, GATE_SAMPLES)
    compared = [*chosen, *other_sizes(chosen, input_spec)]

    with ArtifactWriter(out or run.artifact(recipe.name)) as writer:
        for format in sorted(set(formats or recipe.export.formats)):
            name = FILES[format]
            data = _convert(trained, format, samples, input_spec, output_spec)
            path = writer.add(name, data, format, precision="float32")
            runner = file_runner(path, format)
            tolerance, classes_of = recipe.export.tolerance, trained.task.classes_of
            parity[name] = check_parity(name, eager, runner, compared, tolerance, classes_of)
            metrics[name] = measure(trained.task, runner, held_out)
        writer.add_golden(golden_samples(eager, samples, input_spec, output_spec))
        return writer.commit(
            Manifest(
                schema="wfctl.artifact/1",
                name=recipe.name,
                version=trained.checkpoint_sha256[:12],
                task=recipe.task,
                labels=trained.labels,
                inputs=(input_spec,),
                outputs=(output_spec,),
                host_preprocess=host,
                boundary=describe_boundary(recipe.preprocess, trained.columns),
                files=writer.files,
                metrics=metrics,
                parity=parity,
                tolerance=recipe.export.tolerance,
                top_k=recipe.serve.top_k,
                source=_source(trained, run, held_out),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )


def _convert(
    trained: Trained,
    format: ExportFormat,
    samples: Sequence[Tensor],
    input_spec: TensorSpec,
    output_spec: TensorSpec,
) -> bytes:
    example = torch.stack([samples[0], samples[0]])
    if format == "onnx":
        return to_onnx(trained.pipeline, example, input_spec, output_spec)
    return to_torchscript(trained.pipeline, example)


def _source(trained: Trained, run: RunFolder, held_out: Sequence[tuple[Tensor, Tensor]]) -> Source:
    recipe = trained.recipe.model_dump(mode="json")
    recipe["data"]["root"] = None  # a path of this machine
    if trained.recipe.model.weights is not None:
        recipe["model"]["weights"] = Path(trained.recipe.model.weights).name
    return Source(
        checkpoint_sha256=trained.checkpoint_sha256,
        epoch=trained.epoch,
        recipe=recipe,
        git_commit=_commit_of(run),
        data_digest=_digest(held_out),
        versions=versions(VERSIONED),
    )


def _commit_of(run: RunFolder) -> str | None:
    """The commit that training ran at; the present one where the run does not say."""
    try:
        commit = json.loads(run.environment_file.read_bytes())["git_commit"]
    except (OSError, ValueError, KeyError):
        return git_commit(Path.cwd())
    return str(commit) if commit is not None else None


def _digest(held_out: Sequence[tuple[Tensor, Tensor]]) -> str:
    """SHA-256 over every held-out raw sample and target, in order."""
    digest = hashlib.sha256()
    for raw, targets in held_out:
        digest.update(raw.numpy().tobytes())
        digest.update(targets.numpy().tobytes())
    return digest.hexdigest()
