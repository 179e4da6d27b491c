from pathlib import Path

import pytest
from pydantic import ValidationError

from wfctl.core.artifact import read_manifest
from wfctl.core.manifest import ImageInput, Manifest, NumberInput, TableInput, TensorSpec
from wfctl.serve.schemas import answer_model, input_model


@pytest.fixture
def manifest(image_artifact: Path) -> Manifest:
    return read_manifest(image_artifact)


@pytest.mark.parametrize(
    ("task", "entry"),
    [
        ("classification", {"label": "9", "index": 9, "score": 0.5}),
        ("segmentation", {"label": "sky", "index": 0, "score": 0.25}),
        ("regression", {"label": "price", "index": 0, "value": -250_000.5}),
        ("metric-learning", {"embedding": [0.6, -0.8]}),
    ],
)
def test_an_answer_has_what_the_task_gives(
    manifest: Manifest, task: str, entry: dict[str, object]
) -> None:
    model = answer_model(manifest.model_copy(update={"task": task}))
    answer = {"model": "tiny", "version": "1", "predictions": [entry]}
    assert model.model_validate(answer).model_dump() == answer
    with pytest.raises(ValidationError):
        model.model_validate(answer | {"predictions": [{"other": 1}]})


@pytest.mark.parametrize(
    ("host", "valid", "wrong"),
    [
        (NumberInput(minimum=0, maximum=9), 5, 10),
        (TableInput(columns=("age", "bmi")), {"age": 1.5, "bmi": 2.0}, {"age": "old"}),
        (ImageInput(mode="L"), "picture.png", 5),
    ],
)
def test_the_input_is_named_and_typed(
    manifest: Manifest, host: NumberInput | TableInput | ImageInput, valid: object, wrong: object
) -> None:
    spec = TensorSpec(name="given", dtype="float32", shape=(-1,))
    model = input_model(manifest.model_copy(update={"host_preprocess": host, "inputs": (spec,)}))
    assert [*model.model_fields] == ["given"]
    model.model_validate({"given": valid})
    with pytest.raises(ValidationError):
        model.model_validate({"given": wrong})
