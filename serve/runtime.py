"""One model in memory: setup, decode, predict, encode. No HTTP and no BentoML in here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..core.artifact import Artifact, Sample
from ..core.errors import ParityError
from ..core.manifest import Manifest
from ..core.predictions import Predictions, label_outputs
from ..core.session import Session, check_golden


class Answer(TypedDict):
    """What a client gets for one sample; `core.predictions` says what a prediction holds."""

    model: str
    version: str
    predictions: Predictions


@dataclass(frozen=True)
class Runtime:
    """A verified artifact with its onnxruntime session. Safe to use from several threads."""

    manifest: Manifest
    session: Session

    @classmethod
    def load(cls, path: Path, *, replay_golden: bool = True) -> Self:
        """Open an artifact, check every hash, and replay its golden samples.

        The replay is the warm-up as well: after it the first request costs as much as the next.

        Args:
            replay_golden: False skips the replay, for a command that answers once.

        Raises:
            ArtifactError: incomplete, changed since export, or not loadable.
            ParityError: it does not give what training gave.
        """
        artifact = Artifact.open(path)
        # One thread an inference: requests run side by side, and must not fight for the cores.
        session = Session(artifact.file("onnx"), threads=1)
        if replay_golden:
            try:
                check_golden(session, artifact.golden_samples(), artifact.manifest.tolerance)
            except ParityError as error:
                raise ParityError(f"{artifact.file('onnx')}: {error}") from error
        return cls(artifact.manifest, session)

    def predict(self, sample: Sample) -> NDArray[np.floating]:
        """The raw output of one raw sample, such as probabilities (len(labels),)."""
        outputs = self.session.run_one(sample)
        return outputs[self.manifest.outputs[0].name].astype(np.float64)

    def encode(self, outputs: NDArray[np.floating], top_k: int | None = None) -> Answer:
        """A raw output to the answer; `top_k` None takes what the recipe says.

        Raises:
            InputError: `top_k` is given where the task has no candidates.
        """
        return {
            "model": self.manifest.name,
            "version": self.manifest.version,
            "predictions": label_outputs(self.manifest, outputs, top_k),
        }

    def answer(self, sample: Sample, top_k: int | None = None) -> Answer:
        """`predict`, then `encode`."""
        return self.encode(self.predict(sample), top_k)
