"""`wfctl`: finds the command, and turns every error into one line and an exit code."""

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from .. import __version__
from ..core.errors import WfctlError

INTERRUPTED = 130

# Name -> (module beside this one, help in one line). The module is imported when its command runs,
# so that `wfctl --help` needs click and nothing else.
COMMANDS = {
    "recipes": ("recipes", "List the built-in recipes, or print the recipe schema."),
    "init": ("init", "Copy a built-in recipe and its code into a folder of your own."),
    "train": ("train", "Train a recipe; prints the run folder."),
    "find-lr": ("find_lr", "Find a learning rate for a recipe."),
    "verify-resume": ("verify_resume", "Prove that stop and resume equals no stop, bit for bit."),
    "evaluate": ("evaluate", "Score a run or an artifact on held-out data."),
    "report": ("report", "Write report.html of a run again; prints it."),
    "export": ("export", "Export a run to TorchScript and ONNX; prints the artifact."),
    "inspect": ("inspect", "Show what an artifact is, takes, gives and was checked against."),
    "predict": ("predict", "Answer for files or values with an artifact."),
    "benchmark": ("benchmark", "Measure an artifact's latency beside the trained model's."),
    "serve": ("serve", "Serve artifacts over HTTP."),
    "bento": ("bento", "Pack an artifact and the service into a Bento."),
    "doctor": ("doctor", "Say what is installed, and what is missing for which command."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a newcomer's way through them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; its module is imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for an unknown one."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"no such command {args[0]!r}{_nearest_command(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, from their one-line helps."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, envvar="WFCTL_DEBUG", help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="wfctl", message="%(prog)s %(version)s")
def cli(debug: bool) -> None:
    """From a PyTorch recipe to a verified HTTP service: train, export, benchmark, serve.

    \b
    Example:
      wfctl train digits && wfctl export && wfctl serve

    The result (a path or JSON) goes to stdout, everything else to stderr.
    Exit codes: 0 done, 1 a check failed, 2 wrong usage, recipe or input, 3 invalid measurement,
    4 inconclusive, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point of the `wfctl` command."""
    # BentoML reports usage home unless this says otherwise; only the word `true` does.
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime's own, from 1.29 on
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code, after an error was shown as one line on stderr."""
    try:
        code = cli.main(args=list(arguments), prog_name="wfctl", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_is_gone()
    except BaseException as error:
        explained = _explain(error)
        if explained is None:  # a fault of wfctl itself, or an exit: Python's own way
            raise
        code, message = explained
        if _wants_traceback(arguments):
            traceback.print_exception(error)
        for line in message.splitlines():
            click.echo(f"wfctl: error: {line}", err=True)
    return code if isinstance(code, int) else 0


def _explain(error: BaseException) -> tuple[int, str] | None:
    """Exit code and message of an error that is the user's to mend."""
    match error:
        case WfctlError():
            return error.exit_code, str(error)
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return error.exit_code, ""
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "wfctl"
            return error.exit_code, f"{error.format_message()} See `{command} --help`."
        case click.ClickException():
            return error.exit_code, error.format_message()
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED, "interrupted"
        case ModuleNotFoundError():
            return _explain_missing_module(error)
        case OSError():
            return 2, _explain_os_error(error)
    return None


def _explain_missing_module(error: ModuleNotFoundError) -> tuple[int, str] | None:
    from ..core.dependencies import how_to_install

    advice = how_to_install(error.name or "")
    return None if advice is None else (2, f"{error.name} is not installed: {advice}")


def _explain_os_error(error: OSError) -> str:
    where = f": {error.filename}" if error.filename is not None else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"no space left on device{where}; free space and run again"
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{reason}{where}"


def _wants_traceback(arguments: Sequence[str]) -> bool:
    """Whether --debug stands before the command, or WFCTL_DEBUG is set."""
    for argument in arguments:
        if argument == "--debug":
            return True
        if not argument.startswith("-"):
            break
    return os.environ.get("WFCTL_DEBUG", "").lower() not in {"", "0", "false", "no", "off"}


def _reader_is_gone() -> int:
    """`wfctl ... | head` closed the pipe: say nothing, also not when Python flushes at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return 1


def _nearest_command(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (commands: {', '.join(COMMANDS)})"


if __name__ == "__main__":
    main()
