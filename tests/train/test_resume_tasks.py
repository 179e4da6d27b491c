"""Stopping and going on equals not having stopped, for tasks that keep more than weights."""

from pathlib import Path

import pytest
import torch

from wfctl.core.checkpoint_index import CheckpointIndex
from wfctl.core.errors import CheckpointError
from wfctl.core.recipe import Recipe
from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.core.runs import RunFolder
from wfctl.models.trained import read_checkpoint
from wfctl.train.run import train
from wfctl.train.run_folder import start_run

CPU = torch.device("cpu")
QUICK = ("train.epochs=2", "train.loggers=[]", "train.report=false")
TABLE = ("data.source=table", "data.options.target=price", "data.batch_size=4")
METRIC = (
    "task=metric-learning", "model.embedding_size=8", "model.options.width=4",
    "data.batch_size=400", "train.training_metrics=[RecallAt1]",
)  # fmt: skip


def write_houses(folder: Path, scale: float = 1.0) -> Path:
    lines = [f"{area * scale},{area % 7},{area * 3 + area % 5}" for area in range(20, 50)]
    (folder / "houses.csv").write_text("\n".join(["area,rooms,price", *lines]))
    return folder / "houses.csv"


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    last = CheckpointIndex.read(run.checkpoints).last
    assert last is not None
    state = read_checkpoint(run.checkpoints / last)["model"]
    assert isinstance(state, dict)
    return state


@pytest.mark.parametrize(("name", "stop_at"), [("tabular", 3), ("tabular", 6), ("digits", 5)])
def test_a_resumed_training_ends_with_the_same_weights(
    tmp_path: Path, name: str, stop_at: int
) -> None:
    options = (*TABLE, f"data.root={write_houses(tmp_path)}") if name == "tabular" else METRIC
    recipe = load_recipe(find_recipe(name), (*QUICK, *options))
    whole, stopped = (start_run(recipe, run_dir=tmp_path / each) for each in ("whole", "stopped"))
    train(recipe, whole, CPU)
    train(recipe, stopped, CPU, stop_at=stop_at)
    train(recipe, stopped, CPU)
    expected, given = weights(whole), weights(stopped)
    assert all(torch.equal(expected[each], given[each]) for each in expected)
    assert whole.metrics_file.read_text() == stopped.metrics_file.read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 1.01}, "is of other data: column 'area' had the mean 3.*, and now has"),
        ({"name": "size"}, "is of a table with the columns area, rooms"),
    ],
)
def test_a_table_that_changed_meanwhile_is_noticed(
    tmp_path: Path, changes: dict[str, float | str], message: str
) -> None:
    table = write_houses(tmp_path)
    recipe: Recipe = load_recipe(find_recipe("tabular"), (*QUICK, *TABLE, f"data.root={table}"))
    run = start_run(recipe, run_dir=tmp_path / "run")
    train(recipe, run, CPU, stop_at=3)
    if "scale" in changes:
        write_houses(tmp_path, float(changes["scale"]))
    else:
        table.write_text(table.read_text().replace("area", str(changes["name"])))
    with pytest.raises(CheckpointError, match=message):
        train(recipe, run, CPU)
