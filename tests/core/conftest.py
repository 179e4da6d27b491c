import pytest

from wfctl.core.manifest import ImageInput, Manifest, Parity, Source, TensorSpec


@pytest.fixture
def manifest() -> Manifest:
    """Of a grey-picture model with two labels; it names no files yet."""
    return Manifest(
        name="tiny",
        version="1",
        task="classification",
        labels=("no", "yes"),
        inputs=(TensorSpec(name="image", dtype="uint8", shape=(-1, -1, -1, 1)),),
        outputs=(TensorSpec(name="probabilities", dtype="float32", shape=(-1, 2)),),
        host_preprocess=ImageInput(mode="L"),
        boundary=TensorSpec(name="pixels", dtype="float32", shape=(-1, 1, 8, 8)),
        files={},
        metrics={"model.onnx": {"accuracy": 0.98}},
        parity={
            "model.onnx": Parity(
                samples=3,
                max_abs_error=1e-6,
                mean_abs_error=1e-7,
                label_agreement=1.0,
                batch_sizes=(1, 2),
            )
        },
        tolerance=1e-4,
        top_k=2,
        source=Source(
            checkpoint_sha256="a" * 64,
            epoch=3,
            recipe={"name": "tiny"},
            git_commit=None,
            data_digest="b" * 64,
            versions={"python": "3.11"},
        ),
        created="2026-01-02T03:04:05Z",
    )
