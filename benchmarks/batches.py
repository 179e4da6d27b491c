"""The inputs of a benchmark: an artifact's golden samples, put into batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.artifact import Artifact, GoldenSample
from ..core.departure import departure
from ..core.errors import ArtifactError, CheckFailed

Arrays = Mapping[str, NDArray[np.generic]]  # name -> (B, ...)


@dataclass(frozen=True)
class Batch:
    """Real samples with the outputs that training gave for them; every array is (B, ...)."""

    size: int
    inputs: Arrays
    outputs: Arrays


def make_batches(artifact: Artifact, sizes: Sequence[int]) -> list[Batch]:
    """One batch per size, of golden samples of one shape, repeated in turn where they are few.

    Raises:
        ArtifactError: the artifact has no golden sample.
    """
    samples = _largest_group(artifact.golden_samples())
    if not samples:
        raise ArtifactError(f"{artifact.path}: has no golden sample to measure with; export again")
    return [_stack([samples[index % len(samples)] for index in range(size)]) for size in sizes]


def _largest_group(samples: Sequence[GoldenSample]) -> list[GoldenSample]:
    """The samples whose shapes are the most frequent ones; only equal shapes make a batch."""
    groups: dict[tuple[tuple[str, tuple[int, ...]], ...], list[GoldenSample]] = {}
    for sample in samples:
        shapes = tuple((name, value.shape) for name, value in sorted(sample.inputs.items()))
        groups.setdefault(shapes, []).append(sample)
    return max(groups.values(), key=len, default=[])


def _stack(samples: Sequence[GoldenSample]) -> Batch:
    first = samples[0]
    inputs = {name: np.stack([s.inputs[name] for s in samples]) for name in first.inputs}
    outputs = {name: np.stack([s.outputs[name] for s in samples]) for name in first.outputs}
    return Batch(len(samples), inputs, outputs)


def largest_error(outputs: Arrays, batch: Batch, tolerance: float, variant: str) -> float:
    """How far a variant's outputs depart from training's, as the largest `departure`.

    Raises:
        CheckFailed: by more than `tolerance`, or in shape or number.
    """
    worst = 0.0
    for name, expected in batch.outputs.items():
        where = f"{variant}, batch {batch.size}: output {name!r}"
        given = outputs.get(name)
        if given is None or given.shape != expected.shape:
            shape = "missing" if given is None else f"of shape {given.shape}"
            raise CheckFailed(f"{where} is {shape}, expected {expected.shape}; nothing was timed")
        error = float(np.max(departure(given, expected), initial=0.0))
        if not error <= tolerance:
            raise CheckFailed(
                f"{where} departs by {error:.3g} from what training gave (at most {tolerance:.3g} "
                "is allowed); nothing was timed"
            )
        worst = max(worst, error)
    return worst
