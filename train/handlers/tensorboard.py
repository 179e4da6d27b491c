"""Scalars as TensorBoard's event files, in `<run>/tensorboard`."""

from collections.abc import Mapping

from ...core.recipe import Recipe
from ...core.recipe_file import dump_recipe
from ...core.runs import RunFolder

SECONDS_BETWEEN_FLUSHES = 15


class TensorBoard:
    """A logger, as `Loggers` has them.

    Args:
        iteration: the one that the run goes on behind. What an earlier process wrote of later
            ones is told to be dropped, for they come again.
    """

    def __init__(self, recipe: Recipe, run: RunFolder, iteration: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run.path / "tensorboard"
        goes_on = folder.is_dir()
        self._writer = SummaryWriter(
            folder,
            purge_step=iteration + 1 if goes_on else None,
            flush_secs=SECONDS_BETWEEN_FLUSHES,
        )
        if not goes_on:
            text = "".join(f"    {line}\n" for line in dump_recipe(recipe).splitlines())
            self._writer.add_text("recipe", text, 0)

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Add a point to each of the named curves."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, iteration)

    def flush(self) -> None:
        """Let what was written so far survive the end of this process."""
        self._writer.flush()

    def close(self) -> None:
        """Flush, and end the writer's thread."""
        self._writer.close()
