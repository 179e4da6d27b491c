"""Progress on stderr: a bar on a terminal, else one line an epoch."""

import sys
from collections.abc import Mapping

from ignite.engine import Engine
from ignite.handlers import ProgressBar as IgniteBar

from ..metrics import MetricValue


class Progress:
    """Attach to the trainer; call `epoch` when an epoch's metrics are known."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()

    def attach(self, trainer: Engine) -> None:
        """Show a bar over the iterations of an epoch when stderr is a terminal."""
        if self._terminal:
            IgniteBar(persist=False, file=sys.stderr).attach(
                trainer, output_transform=lambda output: {"loss": float(output.loss)}
            )

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, MetricValue]) -> None:
        """One line with the metrics of an epoch."""
        values = "  ".join(
            f"{name} {value:.4f}" for name, value in metrics.items() if isinstance(value, float)
        )
        print(f"epoch {epoch}/{epochs}  {values}", file=sys.stderr, flush=True)  # noqa: T201


def say(message: str) -> None:
    """A message to the user, beside the result on stdout."""
    print(f"wfctl: {message}", file=sys.stderr, flush=True)  # noqa: T201
