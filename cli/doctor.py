"""`wfctl doctor`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..core.diagnosis import Diagnosis, PackageState


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Say what is installed, whether it loads, and which commands can run.

    Exits with 1 when serving lacks something, or when a package that a command needs is
    installed but does not load; a missing extra is reported, and is no fault.

    \b
    Examples:
      wfctl doctor
      wfctl doctor --json
    """
    from ..core.diagnosis import diagnose

    click.echo("importing each package once; that takes some seconds", err=True)
    diagnosis = diagnose(Path.cwd())
    if as_json:
        click.echo(json.dumps(diagnosis.as_json(), indent=2))
    else:
        click.echo("\n".join(report(diagnosis)))
    if not diagnosis.healthy:
        ctx.exit(1)


def report(diagnosis: "Diagnosis") -> list[str]:
    """The lines of the report for people."""
    memory = diagnosis.memory_bytes
    lines = [
        f"Python     {diagnosis.python} on {diagnosis.platform}",
        f"processor  {diagnosis.processor}, {diagnosis.cores} cores for this process",
        f"memory     {gigabytes(memory) if memory is not None else 'unknown'}",
        f"disk       {gigabytes(diagnosis.disk_free_bytes)} free here",
        "",
    ]
    lines += [_package_line(package) for package in diagnosis.packages]
    lines.append("")
    for name, state in diagnosis.commands.items():
        needs = f"needs {', '.join(state.lacks)}: {state.advice}"
        lines.append(f"wfctl {name:<10} {'ready' if state.ready else needs}")
    return lines


def _package_line(package: "PackageState") -> str:
    line = f"{package.name:<16} {package.version or '-':<10} {package.state}"
    if package.detail:
        line += f": {package.detail}"
    if "gpus" in package.facts:
        gpus = ", ".join(package.facts["gpus"]) or "no GPU that it can use"
        line += f" (CUDA {package.facts['cuda_build'] or 'not built in'}: {gpus})"
    if "providers" in package.facts:
        line += f" ({', '.join(package.facts['providers'])})"
    return line


def gigabytes(size_bytes: int) -> str:
    """A size for people, in units of 10^9 bytes."""
    return f"{size_bytes / 1e9:.1f} GB"
