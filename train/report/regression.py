"""The page of a regression."""

import numpy as np
import torch

from .charts import scatter_chart
from .look import Look
from .show_sample import show_sample
from .view import Card, Chart, Table, View, spread, worst_first

SHOWN_TARGETS = 6


def view_regression(look: Look) -> View:
    """Predicted against true values, errors, and the samples that are furthest off."""
    names = look.trained.labels
    chunks = list(look.chunks())
    indices = [index for chunk in chunks for index in chunk.indices]
    answers = torch.cat([chunk.answers for chunk in chunks]).numpy().astype(np.float64)  # (N, T)
    truth = torch.cat([chunk.targets for chunk in chunks]).numpy().astype(np.float64)
    errors = answers - truth
    # Targets of different size count alike: each in units of its own deviation.
    deviation = np.maximum(truth.std(axis=0), 1e-12)
    badness = np.abs(errors / deviation).max(axis=1)

    def values(row: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
        shown = [f"{value:.4g}" if len(names) == 1 else f"{name} {value:.4g}"
                 for name, value in zip(names, row, strict=True)]  # fmt: skip
        return ", ".join(shown[:SHOWN_TARGETS])

    def card(position: int) -> Card:
        index = indices[position]
        shown = show_sample(look.samples, index, look.raw(index))
        return Card(
            pictures=(shown.picture,) if shown.picture else (),
            drawing=shown.drawing,
            text=shown.text,
            answer=values(answers[position]),
            truth=values(truth[position]),
        )

    rows = tuple(
        (
            name,
            f"{np.abs(errors[:, target]).mean():.4g}",
            f"{np.sqrt((errors[:, target] ** 2).mean()):.4g}",
            f"{errors[:, target].mean():+.4g}",
            f"{_explained(errors[:, target], truth[:, target]):.3f}",
        )
        for target, name in enumerate(names)
    )
    columns = ("target", "mean absolute error", "root mean squared error", "mean error", "R²")
    return View(
        charts=tuple(
            Chart(name, scatter_chart(f"{name}: predicted against true", truth[:, target],
                                      answers[:, target]), "On the line a prediction is exact.")
            for target, name in enumerate(names[:SHOWN_TARGETS])
        ),
        tables=(Table("Errors", columns, rows),),
        worst=tuple(map(card, worst_first(badness))),
        worst_by="error",
        samples=tuple(map(card, spread(len(indices)))),
    )  # fmt: skip


def _explained(
    errors: np.ndarray[tuple[int], np.dtype[np.float64]],
    truth: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float:
    """The share of the variance that is explained, not a number where there is none."""
    total = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float((errors**2).sum()) / total if total else float("nan")
