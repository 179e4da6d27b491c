"""What stands at the head and the foot of the page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...core.recipe import Recipe
from ...core.recipe_file import dump_recipe
from ...core.runs import RunFolder
from ...models.tasks.registry import TASKS
from .history import History, read_history, read_json_lines

SHARES = frozenset({
    "accuracy", "precision", "recall", "top_k_categorical_accuracy", "miou", "recall_at_1",
})  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """A large number, what it is, and a remark."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class Facts:
    """A run, apart from its predictions."""

    recipe: Recipe
    recipe_yaml: str
    score_name: str
    history: History
    tiles: tuple[Tile, ...]
    environment: tuple[tuple[str, str], ...]
    started: str


def read_facts(run: RunFolder, recipe: Recipe, held_out: str | None) -> Facts:
    """The facts of a run.

    Args:
        held_out: the name of the held-out split, where it is known.
    """
    history = read_history(run)
    environment = _read_environment(run)
    sessions = read_json_lines(run.sessions_file)
    score_name = recipe.train.score or TASKS[recipe.task].score
    started = str(sessions[0].get("started", "")) if sessions else ""
    return Facts(
        recipe=recipe,
        recipe_yaml=dump_recipe(recipe),
        score_name=score_name,
        history=history,
        tiles=tuple(_tiles(recipe, history, score_name, held_out, sessions)),
        environment=tuple(_environment_rows(environment)),
        started=_day(started),
    )


def readable(name: str) -> str:
    """`root_mean_squared_error` -> `root mean squared error`."""
    return {"miou": "mean IoU", "iou": "IoU"}.get(name, name.replace("_", " "))


def heading(name: str) -> str:
    """`readable`, as it begins a line."""
    text = readable(name)
    return text[0].upper() + text[1:]


def value_text(name: str, value: float) -> str:
    """A metric as a person reads it: shares in per cent."""
    return f"{value:.1%}" if name in SHARES else f"{value:.4g}"


def duration_text(seconds: float) -> str:
    """`3 h 05 min`, `5 min 12 s` or `4.2 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _tiles(
    recipe: Recipe,
    history: History,
    score_name: str,
    held_out: str | None,
    sessions: list[dict[str, Any]],
) -> list[Tile]:
    tiles, best = [], history.best_epoch
    split = held_out or next(
        (name for name in history.curves.get(score_name, {}) if name != "train"), ""
    )
    value = history.value(score_name, split, best)
    if value is not None:
        tiles.append(Tile(f"best {readable(score_name)}", value_text(score_name, value),
                          f"held-out split “{split}”"))  # fmt: skip
    if best is not None:
        tiles.append(Tile("best epoch", str(best), "its checkpoint is exported"))
    loss = history.value("loss", split, best) if score_name != "loss" else None
    if loss is not None:
        tiles.append(Tile("loss there", value_text("loss", loss), f"held-out split “{split}”"))
    epochs = recipe.train.epochs
    remark = "all of them" if history.last_epoch >= epochs else f"of {epochs} in the recipe"
    tiles.append(Tile("epochs trained", str(history.last_epoch), remark))
    durations = [each["duration_s"] for each in sessions if "duration_s" in each]
    if durations:
        times = "in one go" if len(durations) == 1 else f"in {len(durations)} sessions"
        tiles.append(Tile("training time", duration_text(sum(durations)), times))
    return tiles


def _environment_rows(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    device = environment.get("device") or {}
    known = {
        "device": f"{device.get('type', '')} {device.get('name', '')}".strip(),
        "processor": environment.get("processor"),
        "cores": environment.get("cores"),
        "torch threads": environment.get("torch_threads"),
        "processes": environment.get("processes"),
        "seed": environment.get("seed"),
        "platform": environment.get("platform"),
        "git commit": environment.get("git_commit"),
    }
    rows = [(name, str(value)) for name, value in known.items() if value not in {None, ""}]
    return rows + [(name, str(version)) for name, version in
                   (environment.get("versions") or {}).items()]  # fmt: skip


def _read_environment(run: RunFolder) -> dict[str, Any]:
    try:
        found = json.loads(run.environment_file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _day(moment: str) -> str:
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%d %B %Y, %H:%M UTC")
    except ValueError:
        return ""
