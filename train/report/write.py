"""A run folder to its `report.html`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from ...core.errors import WfctlError
from ...core.files import write_bytes_atomically
from ...core.recipe import Recipe
from ...core.recipe_file import load_recipe
from ...core.runs import RunFolder
from ...models.component import add_user_code
from ...models.dataset import Splits, check_labels, known_to_sources, load_splits
from ...models.trained import load_trained
from .charts import line_chart, series_class
from .classification import view_classification
from .facts import Facts, heading, read_facts, readable, value_text
from .look import Look
from .metric_learning import view_metric_learning
from .regression import view_regression
from .segmentation import view_segmentation
from .view import Chart, View

VIEWS: Mapping[str, Callable[[Look], View]] = {
    "classification": view_classification,
    "regression": view_regression,
    "segmentation": view_segmentation,
    "metric-learning": view_metric_learning,
}
FIRST_CURVES = ("loss", "accuracy")


@dataclass(frozen=True)
class Legend:
    """A split's name in a chart, and its value at the best epoch, or else at the last one."""

    series: str
    split: str
    value: str


@dataclass(frozen=True)
class Curve:
    """The chart of one metric."""

    chart: Chart
    legends: tuple[Legend, ...]


def write_report(
    run: RunFolder, splits: Splits | None = None, device: torch.device | None = None
) -> None:
    """Write the page of a run from its metrics, its best checkpoint and the held-out split.

    What cannot be had, such as predictions when the data is gone, is left out, and the page says
    why. The page is written whole or not at all, and replaces an earlier one.

    Args:
        splits: the run's data, where it is loaded already.
        device: where to compute predictions; the CPU where left out.

    Raises:
        WfctlError: the run folder has no valid recipe, or its index is damaged.
        OSError: the page cannot be written.
    """
    recipe = load_recipe(run.recipe_file)
    look: Look | None = None
    held_out = splits.held_out_name if splits else None
    view, reason = None, ""
    with torch.random.fork_rng(devices=[]):
        try:
            look, held_out = _look(run, recipe, splits, device or torch.device("cpu"))
            view = VIEWS[recipe.task](look)
        except (WfctlError, ModuleNotFoundError, OSError) as error:
            reason = str(error)
    facts = read_facts(run, recipe, held_out)
    write_bytes_atomically(run.report_file, _render(facts, view, look, reason).encode())


def _look(
    run: RunFolder, recipe: Recipe, splits: Splits | None, device: torch.device
) -> tuple[Look, str]:
    """The best checkpoint before the held-out split, and the split's name."""
    trained = load_trained(run)
    add_user_code(run.code)
    if splits is None:
        splits = load_splits(recipe.data, known_to_sources(recipe))
    check_labels(splits, trained.labels, trained.columns)
    trained.pipeline.to(device)
    return Look(trained, splits.held_out, device), splits.held_out_name


def _render(facts: Facts, view: View | None, look: Look | None, reason: str) -> str:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        facts=facts,
        score=readable(facts.score_name),
        curves=_curves(facts),
        view=view,
        reason=reason,
        looked_at=look.looked_at if look else 0,
        total=look.total if look else 0,
    )


def _curves(facts: Facts) -> list[Curve]:
    history, best = facts.history, facts.history.best_epoch
    curves = []
    for name, lines in history.ordered_curves((*FIRST_CURVES, facts.score_name)):
        legends = []
        for split, points in lines.items():
            value = history.value(name, split, best)
            shown = value_text(name, points[-1][1] if value is None else value)
            legends.append(Legend(series_class(split), split, shown))
        svg = line_chart(f"{readable(name)} by epoch", lines, best)
        curves.append(Curve(Chart(heading(name), svg), tuple(legends)))
    return curves
