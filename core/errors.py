"""Errors that a user can act on. Each carries the exit code of the command that meets it.

WfctlError
├── UsageError (2)          wrong recipe, file, option or input
│   ├── RecipeError         one or several faults in a recipe, each with its place
│   ├── RunError            a run folder that cannot be used
│   ├── CheckpointError     a checkpoint that is missing, damaged or does not fit
│   ├── ArtifactError       an artifact that is incomplete, changed or unsafe
│   ├── InputError          a sample that cannot be decoded or exceeds a limit
│   └── MissingDependency   an extra that is not installed
├── CheckFailed (1)         the command worked, and its check says no
│   └── ParityError         an exported file does not give what the model gives
├── InvalidMeasurement (3)  numbers that must not be believed
├── Inconclusive (4)        too noisy to decide
└── Interrupted (130)       stopped by a signal after a clean save
"""

from collections.abc import Sequence


class WfctlError(Exception):
    """Base of all errors shown to the user as one line, without a traceback."""

    exit_code = 1


class UsageError(WfctlError):
    """The user can mend this: wrong option, file, recipe or input."""

    exit_code = 2


class RecipeError(UsageError):
    """All faults of a recipe at once.

    Args:
        faults: one line each, `<file>:<line>: <key>: <what is wrong>`.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class RunError(UsageError):
    """A run folder that is missing, incomplete or of another recipe."""


class CheckpointError(UsageError):
    """A checkpoint that is missing, damaged or does not fit the model."""


class ArtifactError(UsageError):
    """An artifact that is incomplete, changed since export, or unsafe to open."""


class InputError(UsageError):
    """A sample that cannot be decoded. `status` is the HTTP status a server answers with."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


class MissingDependency(UsageError):
    """A package that the command needs is not installed."""


class CheckFailed(WfctlError):
    """The check that the command makes did not hold."""

    exit_code = 1


class ParityError(CheckFailed):
    """An exported file does not give what the trained model gives."""


class InvalidMeasurement(WfctlError):
    """A measurement that must not be believed."""

    exit_code = 3


class Inconclusive(WfctlError):
    """The measurement is too noisy to decide."""

    exit_code = 4


class Interrupted(WfctlError):
    """Stopped by a signal; everything was saved."""

    exit_code = 130
