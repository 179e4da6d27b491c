"""Requests and answers as types, for the OpenAPI page and for BentoML's clients."""

from pathlib import Path
from typing import Annotated, Any, assert_never

from bentoml.validators import ContentType
from pydantic import BaseModel, ConfigDict, Field, create_model

from ..core.manifest import ImageInput, Manifest, NumberInput, TableInput


class PredictionModel(BaseModel):
    """One candidate answer."""

    label: str
    index: int
    score: float = Field(ge=0, le=1, description="Probability, or share of the pixels")


class ValueModel(BaseModel):
    """One number of a regression."""

    label: str = Field(description="The name of the target")
    index: int
    value: float


class EmbeddingModel(BaseModel):
    """Where a sample lies among others."""

    embedding: list[float]


class AnswerModel(BaseModel):
    """What a client gets for one sample."""

    model_config = ConfigDict(protected_namespaces=())

    model: str
    version: str


def answer_model(manifest: Manifest) -> type[BaseModel]:
    """An answer with the predictions of the model's task."""
    entry: type[BaseModel]
    match manifest.task:
        case "regression":
            entry = ValueModel
        case "metric-learning":
            entry = EmbeddingModel
        case _:
            entry = PredictionModel
    entries: Any = list[entry]  # type: ignore[valid-type]
    return create_model("Answer", __base__=AnswerModel, predictions=(entries, ...))


def input_model(manifest: Manifest) -> type[BaseModel]:
    """One field, named and typed like the model's input."""
    host, name = manifest.host_preprocess, manifest.inputs[0].name
    field: Any
    match host:
        case ImageInput():
            field = (Annotated[Path, ContentType("image/*")], Field(description="A picture file"))
        case NumberInput():
            field = (int, Field(ge=host.minimum, le=host.maximum))
        case TableInput():
            columns = ", ".join(host.columns)
            field = (dict[str, float], Field(description=f"A number for each of: {columns}"))
        case _:
            assert_never(host)
    return create_model("Sample", **{name: field})
