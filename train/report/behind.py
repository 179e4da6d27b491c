"""The report behind a training, whatever came of it."""

from types import TracebackType
from typing import Self

import torch
from ignite import distributed as idist

from ...core.errors import CheckFailed
from ...core.runs import RunFolder
from ...models.dataset import Splits
from ..handlers.progress import say
from .write import write_report


class ReportBehind:
    """Writes the page when it is left: also after a stop, and after a loss that was no number.

    Of several processes only the first writes. No failure to write ends the command: the run is
    complete without its page.
    """

    def __init__(self, run: RunFolder, splits: Splits, device: torch.device, wanted: bool) -> None:
        self._run = run
        self._splits = splits
        self._device = device
        self._wanted = wanted and idist.get_rank() == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._wanted or not (error is None or isinstance(error, CheckFailed)):
            return
        try:
            write_report(self._run, self._splits, self._device)
        except KeyboardInterrupt:
            say(f"{self._run.report_file}: not written; the run is complete without it")
        except Exception as failure:  # of any kind: it may be the user's own data set
            reason = " ".join(f"{type(failure).__name__}: {failure}".split())
            say(f"{self._run.report_file}: could not be written ({reason}); "
                "the run is complete without it")  # fmt: skip
