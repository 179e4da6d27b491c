"""The page of a segmentation."""

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...models.task import IGNORED
from .class_counts import class_table, confusion_chart, confusion_table, count_classes
from .look import Look
from .show_sample import picture_of, show_sample
from .view import Card, Picture, View, spread, worst_first

OVERLAY = 0.55  # how far a class's colour covers the picture
CARDS = 6


def view_segmentation(look: Look) -> View:
    """Pixels by class, and pictures with true and predicted masks, the worst first."""
    labels = look.trained.labels
    counts = np.zeros((len(labels), len(labels)), np.int64)
    indices: list[int] = []
    accuracy: list[float] = []
    for chunk in look.chunks():
        # Only what is added up is kept: the answers of a split would fill the memory.
        for index, answer, target in zip(chunk.indices, chunk.answers, chunk.targets, strict=True):
            truth, given = target.numpy(), answer.argmax(dim=0).numpy()
            known = truth != IGNORED
            counts += count_classes(truth[known], given[known], len(labels))
            indices.append(index)
            accuracy.append(float((truth == given)[known].mean()) if known.any() else 1.0)

    def card(position: int) -> Card:
        index = indices[position]
        raw = look.raw(index)
        answered = look.answer([index])
        truth, given = answered.targets[0].numpy(), answered.answers[0].argmax(dim=0).numpy()
        pixels = raw.numpy()
        return Card(
            pictures=(
                *_plain(look, index),
                _overlay(pixels, truth, len(labels), "true"),
                _overlay(pixels, given, len(labels), "predicted"),
            ),
            drawing=None,
            text="",
            answer=f"{accuracy[position]:.1%} of pixels right",
            truth=_present(truth, labels),
        )

    return View(
        charts=confusion_chart(counts, labels),
        tables=(class_table(counts, labels, "pixels", iou=True), *confusion_table(counts, labels)),
        worst=tuple(map(card, worst_first(1 - np.array(accuracy), CARDS))),
        worst_by="share of wrong pixels",
        samples=tuple(map(card, spread(len(indices), CARDS))),
        colours=tuple(
            (label, "#" + bytes(colour.astype(np.uint8)).hex())
            for label, colour in list(zip(labels, _colours(len(labels)), strict=True))[1:]
        ),
    )


def _plain(look: Look, index: int) -> tuple[Picture, ...]:
    picture = show_sample(look.samples, index, look.raw(index)).picture
    return (picture,) if picture else ()


def _overlay(
    pixels: NDArray[np.uint8], mask: NDArray[np.int64], classes: int, caption: str
) -> Picture:
    """A picture (H, W, C) under the colours of a mask (h, w); class 0 and no class stay clear."""
    height, width = mask.shape
    grey = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    base = np.asarray(grey.resize((width, height)), np.float64)
    covered = mask > 0
    colours = _colours(classes)[np.maximum(mask, 0)]
    mixed = np.where(covered[..., None], (1 - OVERLAY) * base + OVERLAY * colours, base)
    return picture_of(mixed.astype(np.uint8), caption)


def _colours(classes: int) -> NDArray[np.float64]:
    """Colours as far apart as can be, shape (classes, 3), 0 to 255."""
    hues = [(0.6 + index * 0.618034) % 1 for index in range(classes)]
    return np.array([colorsys.hsv_to_rgb(hue, 0.85, 0.95) for hue in hues]) * 255


def _present(truth: NDArray[np.int64], labels: tuple[str, ...]) -> str:
    return ", ".join(labels[index] for index in np.unique(truth[truth != IGNORED]))
