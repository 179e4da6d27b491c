import json
from pathlib import Path

import torch

from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.train.run import train
from wfctl.train.run_folder import resume_run, start_run


def test_every_session_has_a_line_with_its_iterations(tmp_path: Path) -> None:
    overrides = ("train.epochs=3", "train.loggers=[]", "train.report=false")
    recipe = load_recipe(find_recipe("fizzbuzz"), overrides)
    run = start_run(recipe, run_dir=tmp_path / "run")
    train(recipe, run, torch.device("cpu"), stop_at=10)
    train(resume_run(run), run, torch.device("cpu"))
    lines = [json.loads(line) for line in run.sessions_file.read_text().splitlines()]
    iterations = [(line["behind_iteration"], line["to_iteration"]) for line in lines]
    assert iterations == [(0, 10), (10, 24)]
    assert all(line["duration_s"] > 0 and line["started"].endswith("+00:00") for line in lines)
