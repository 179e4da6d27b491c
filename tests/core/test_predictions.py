import json

import numpy as np
import pytest

from wfctl.core.errors import InputError
from wfctl.core.manifest import Manifest
from wfctl.core.predictions import label_outputs, top_predictions

LABELS = ("cat", "dog", "cow")


def test_best_first() -> None:
    scores = np.array([0.2, 0.5, 0.3], dtype=np.float32)
    assert top_predictions(scores, LABELS, 2) == [
        {"label": "dog", "index": 1, "score": pytest.approx(0.5)},
        {"label": "cow", "index": 2, "score": pytest.approx(0.3)},
    ]


def test_values_are_plain_python() -> None:
    best = top_predictions(np.array([0.2, 0.8], dtype=np.float32), LABELS, 1)[0]
    assert (type(best["index"]), type(best["score"])) == (int, float)


def test_equal_scores_keep_the_order_of_the_labels() -> None:
    scores = np.full(64, 1 / 64, dtype=np.float32)
    labels = [str(index) for index in range(64)]
    assert [each["index"] for each in top_predictions(scores, labels, 64)] == list(range(64))


def test_more_candidates_than_labels() -> None:
    assert len(top_predictions(np.array([0.1, 0.2, 0.7]), LABELS, 10)) == 3


def of_task(manifest: Manifest, task: str, *labels: str) -> Manifest:
    return manifest.model_copy(update={"task": task, "labels": labels})


def test_a_classification_gives_as_many_candidates_as_the_recipe_says(manifest: Manifest) -> None:
    several = of_task(manifest, "classification", *LABELS)
    scores = np.array([0.2, 0.5, 0.3], dtype=np.float32)
    assert label_outputs(several, scores) == top_predictions(scores, LABELS, manifest.top_k)
    assert len(label_outputs(several, scores, top_k=1)) == 1


def test_a_regression_gives_every_target_in_order(manifest: Manifest) -> None:
    house = of_task(manifest, "regression", "price", "days", "offers")
    answer = label_outputs(house, np.array([-3.5, 20.0, 1e6], dtype=np.float32))
    assert answer == [
        {"label": "price", "index": 0, "value": -3.5},
        {"label": "days", "index": 1, "value": 20.0},
        {"label": "offers", "index": 2, "value": 1e6},
    ]
    assert json.loads(json.dumps(answer)) == answer


def test_a_segmentation_gives_shares_of_the_pixels(manifest: Manifest) -> None:
    scene = of_task(manifest, "segmentation", "sky", "road", "car")
    best = np.array([[0, 1, 1], [1, 1, 0]])
    probabilities = np.stack([np.where(best == index, 0.5, 0.25) for index in range(3)])
    answer = label_outputs(scene, probabilities, top_k=3)
    assert answer == [
        {"label": "road", "index": 1, "score": pytest.approx(4 / 6)},
        {"label": "sky", "index": 0, "score": pytest.approx(2 / 6)},
        {"label": "car", "index": 2, "score": 0.0},
    ]
    assert label_outputs(scene, probabilities, top_k=1) == answer[:1]
    json.dumps(answer)


def test_metric_learning_gives_the_embedding(manifest: Manifest) -> None:
    metric = of_task(manifest, "metric-learning", *LABELS)
    assert label_outputs(metric, np.array([0.6, 0.8])) == [{"embedding": [0.6, 0.8]}]


@pytest.mark.parametrize("task", ["regression", "metric-learning"])
def test_candidates_cannot_be_asked_for_where_there_are_none(manifest: Manifest, task: str) -> None:
    message = rf"top_k is for candidates; tiny \({task}\) has none"
    with pytest.raises(InputError, match=message):
        label_outputs(of_task(manifest, task, "a"), np.array([1.0]), top_k=1)
