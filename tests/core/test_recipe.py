import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from wfctl.core.recipe import ImagePreprocess, Recipe, Section, recipe_schema

SMALLEST: dict[str, Any] = {
    "name": "tiny",
    "task": "classification",
    "data": {"source": "digits"},
    "preprocess": {"kind": "image", "mode": "L", "size": [8, 8], "mean": [0.3], "std": [0.4]},
    "model": {"name": "digits-cnn"},
    "train": {"epochs": 1},
}


def with_value(dotted: str, value: object) -> dict[str, Any]:
    values = json.loads(json.dumps(SMALLEST))
    section = values
    *above, last = dotted.split(".")
    for key in above:
        section = section.setdefault(key, {})
    section[last] = value
    return values  # type: ignore[no-any-return]


def sections(model: type[BaseModel] = Section) -> list[type[BaseModel]]:
    return [each for direct in model.__subclasses__() for each in (direct, *sections(direct))]


def test_the_smallest_recipe() -> None:
    recipe = Recipe.model_validate(SMALLEST)
    assert isinstance(recipe.preprocess, ImagePreprocess)
    assert recipe.preprocess.size == (8, 8)
    assert recipe.export.formats == ("torchscript", "onnx")
    assert recipe.train.checkpoint.keep == 2


@pytest.mark.parametrize("model", sections(), ids=lambda model: model.__name__)
def test_every_section_is_frozen_strict_and_closed(model: type[BaseModel]) -> None:
    config = model.model_config
    assert config.get("frozen")
    assert config.get("strict")
    assert config.get("extra") == "forbid"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", "Has Spaces", "should match pattern"),
        ("name", "../up", "should match pattern"),
        ("task", "telepathy", "Input should be 'classification'"),
        ("data.batch_size", 0, "greater than or equal to 1"),
        ("data.batch_size", "64", "valid integer"),
        ("data.batch_size", 64.0, "valid integer"),
        ("data.download", "yes", "valid boolean"),
        ("preprocess.size", [8], "Field required"),
        ("preprocess.size", [8, 0], "height and width must be at least 1"),
        ("preprocess.std", [0.0], "every value must be above 0"),
        ("preprocess.mean", [0.1, 0.2], "mode L has 1 channel, but mean has 2 and std 1 values"),
        ("preprocess.mode", "RGB", "mode RGB has 3 channels, but mean has 1 and std 1 values"),
        ("preprocess.kind", "smell", "'image', 'number'"),
        ("train.epochs", 0, "greater than or equal to 1"),
        ("train.seed", -1, "greater than or equal to 0"),
        ("train.lr", 0.0, "greater than 0"),
        ("train.lr", float("inf"), "finite number"),
        ("train.checkpoint", {"every": 0}, "greater than or equal to 1"),
        ("export", {"formats": []}, "at least 1 item"),
        ("export", {"formats": ["tflite"]}, "'torchscript' or 'onnx'"),
        ("export", {"tolerance": 0}, "greater than 0"),
        ("serve", {"top_k": 0}, "greater than or equal to 1"),
        ("benchmark", {"batch_sizes": [0]}, "greater than or equal to 1"),
        ("benchmark", {"batch_sizes": []}, "at least 1 item"),
        ("telemetry", True, "Extra inputs are not permitted"),
    ],
)
def test_what_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(with_value(key, value))


def test_a_whole_number_is_good_for_a_fraction() -> None:
    assert Recipe.model_validate(with_value("train.lr", 1)).train.lr == 1.0


def test_schema_names_every_key_and_takes_no_other() -> None:
    schema = recipe_schema()
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"name", "task", "data", "preprocess", "model", "train"}
    objects = [each for each in schema["$defs"].values() if each.get("type") == "object"]
    assert len(objects) >= 8
    assert all(each["additionalProperties"] is False for each in objects)
