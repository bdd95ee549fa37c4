"""The `workflow` commands: check definitions, play their test transcripts, import them."""

import sys
from pathlib import Path

import click
from flask.cli import AppGroup

from webapp.web.command_errors import names_database, one_line_errors
from webapp.workflows import library
from webapp.workflows.definition.parsing import Broken, read_new
from webapp.workflows.editor import importing, transcript

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))


workflow = AppGroup("workflow", help="Check, test and import workflows.")


@workflow.command("check")
@FILES
@one_line_errors
def check(files: tuple[Path, ...]) -> None:
    """Say what is wrong in these files, line by line."""
    if sum([not _is_whole(file) for file in files]):
        sys.exit(1)


@workflow.command("test")
@FILES
@one_line_errors
def play(files: tuple[Path, ...]) -> None:
    """Play the transcripts in these files, without a model."""
    failed = [fault for file in files for fault in _played(file)]
    if failed:
        sys.exit(1)


@workflow.command("import")
@FILES
@click.option("--publish", is_flag=True, help="Publish each at once.")
@click.option("--replace", is_flag=True, help="Replace drafts that aren't published.")
@one_line_errors
@names_database
def import_files(files: tuple[Path, ...], publish: bool, replace: bool) -> None:
    """Save workflows, or the files of a Rasa assistant, as drafts."""
    replaces: library.Replaces = "any" if replace else "nobody's"
    sources = {file: file.read_text("utf-8") for file in files}
    if foreign := importing.of_rasa(list(sources.values())):
        _report(importing.import_flows(foreign, {"actor": "command line"}, replaces=replaces))
    files = tuple(file for file in files if sources[file] not in foreign)
    for file in files:
        if not _is_whole(file, prints_success=False):
            sys.exit(1)
    for file in files:
        slug = library.save(file.read_text("utf-8"), {"actor": "command line"}, replaces=replaces)
        number = library.publish(slug, f"From {file.name}", {"actor": "command line"}) if publish else 0
        click.echo(f"{slug}: published as version {number}" if number else f"{slug}: saved as a draft")


def _report(flows: list[importing.ImportedFlow]) -> None:
    for flow in flows:
        click.echo(f"{flow.flow.slug}: {flow.words}")
        for note in flow.flow.notes:
            click.echo(f"  not understood: {note}")
    steps, mapped = (sum(getattr(flow.flow, name) for flow in flows) for name in ("steps", "mapped"))
    click.echo(f"{len(flows)} flows, {mapped} of {steps} steps")


def _is_whole(file: Path, *, prints_success: bool = True) -> bool:
    try:
        definition = read_new(file.read_text("utf-8"))
    except Broken as broken:
        for fault in broken.faults:
            click.echo(f"{file}:{fault.line}:{fault.column}: {fault.message} {fault.hint}".rstrip(), err=True)
        return False
    if prints_success:
        click.echo(f"{file}: {definition.slug}, {len(definition.steps)} steps, no faults")
    return True


def _played(file: Path) -> list[str]:
    faults, count = transcript.played(file.read_text("utf-8"), file.parent)
    for fault in faults:
        click.echo(f"{file}:{fault}", err=True)
    click.echo(f"{file}: {count} cases, {len(faults)} failed")
    return faults
