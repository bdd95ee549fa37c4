"""The `workflow` commands: check definitions, play their test transcripts, import them.

A transcript tests a workflow without a model. Each line of a case begins with a sign: `<` expects the next message of the
workflow to match a pattern, `>` answers, `*` is a model's answer, `=` expects this step or status, `?` expects a condition to
hold, `!` expects a refusal that matches, and `/` sends another event: `/ask QUESTION`, `/guess VALUE` by a model, `/back`,
`/skip`, `/pause`, `/resume`, `/cancel`, `/fell`, `/change NAME VALUE`.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from webapp.base import yaml_text
from webapp.base.audit import COMMAND_LINE
from webapp.web.command_errors import names_database, one_line_errors
from webapp.workflows import service
from webapp.workflows.definition.conditions import BadCondition, holds, parsed
from webapp.workflows.definition.definition import Definition
from webapp.workflows.definition.parsing import BrokenWorkflow, read, read_new
from webapp.workflows.foreign import ImportedFlow, import_foreign
from webapp.workflows.running.interpreter import apply
from webapp.workflows.state import MODEL_ANSWERED, Event, HandOver, RunState, Say

FILES = click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))


workflow = AppGroup("workflow", help="Check, test and import workflows.")
PEOPLE = {"user.name": "Ann Lee", "user.first_name": "Ann"}
SHAPE = "A transcript is a mapping with “workflow”, the name of a file beside it, and “cases”, each a list of lines."


@workflow.command("check")
@FILES
@one_line_errors
def check(files: tuple[Path, ...]) -> None:
    """Check these files, and list every error with its line."""
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
    replaces: service.Replaces = "any" if replace else "nobody's"
    sources = {file: file.read_text("utf-8") for file in files}
    flows, foreign = import_foreign(list(sources.values()), author=COMMAND_LINE, replaces=replaces)
    if flows:
        _report(flows)
    files = tuple(file for file in files if sources[file] not in foreign)
    for file in files:
        if not _is_whole(file, prints_success=False):
            sys.exit(1)
    for file in files:
        slug = service.save(file.read_text("utf-8"), author=COMMAND_LINE, replaces=replaces)
        number = service.publish(slug, f"From {file.name}", author=COMMAND_LINE) if publish else 0
        click.echo(f"{slug}: published as version {number}" if number else f"{slug}: saved as a draft")


def _report(flows: list[ImportedFlow]) -> None:
    for flow in flows:
        click.echo(f"{flow.flow.slug}: {flow.words}")
        for note in flow.flow.notes:
            click.echo(f"  not understood: {note}")
    steps, mapped = (sum(getattr(flow.flow, name) for flow in flows) for name in ("steps", "mapped"))
    click.echo(f"{len(flows)} flows, {mapped} of {steps} steps")


def _is_whole(file: Path, *, prints_success: bool = True) -> bool:
    try:
        definition = read_new(file.read_text("utf-8"))
    except BrokenWorkflow as broken:
        for fault in broken.faults:
            click.echo(f"{file}:{fault.line}:{fault.column}: {fault.message} {fault.hint}".rstrip(), err=True)
        return False
    if prints_success:
        click.echo(f"{file}: {definition.slug}, {len(definition.steps)} steps, no faults")
    return True


def _played(file: Path) -> list[str]:
    faults, count = played(file.read_text("utf-8"), file.parent)
    for fault in faults:
        click.echo(f"{file}:{fault}", err=True)
    click.echo(f"{file}: {count} cases, {len(faults)} failed")
    return faults


def played(source: str, folder: Path) -> tuple[list[str], int]:
    """Returns the failed expectations, each with its line, and the number of cases.

    A workflow in place of a transcript is only checked, and has no cases.
    """
    try:
        document = yaml_text.read(source, "transcript")
        about = document.value if isinstance(document.value, dict) else {}
        file, cases = about.get("workflow"), about.get("cases")
        if "steps" in about:
            return _checked(source), 0
        if not isinstance(file, str) or Path(file).name != file or not isinstance(cases, dict):
            return [f"1: {SHAPE}"], 0
        definition = read((folder / file).read_text("utf-8"))
    except yaml_text.UnreadableYaml as error:
        return [f"{error.line}: {error}"], 0
    except BrokenWorkflow as error:
        return [f"1: {about['workflow']}: line {error.faults[0].line}: {error.faults[0].message}"], 0
    faults = [
        f"{document.position(('cases', str(name), index))[0]}: {name}: {fault}"
        for name, lines in cases.items()
        for index, fault in _faults(definition, lines)
    ]
    return faults, len(cases)


def _checked(source: str) -> list[str]:
    try:
        read(source)
    except BrokenWorkflow as error:
        return [f"{fault.line}: {fault.message}" for fault in error.faults]
    return []


def _faults(definition: Definition, lines: Any) -> Iterator[tuple[int, str]]:
    """Yields the first failing line of a case, if any."""
    play = _Play(definition)
    play.happen(Event("begin"))
    for index, line in enumerate(lines if isinstance(lines, list) else [SHAPE]):
        sign, words = str(line)[:1], str(line)[1:].strip()
        act = SIGNS.get(sign)
        if fault := act(play, words) if act else SHAPE:
            yield index, fault
            return


@dataclass(slots=True)
class _Play:
    definition: Definition
    state: RunState = field(default_factory=RunState)
    messages: list[str] = field(default_factory=list)
    refusal: str = ""

    def happen(self, event: Event) -> str:
        result = apply(self.definition, self.state, event, PEOPLE)
        self.state, self.refusal = result.state, result.refusal
        messages = [effect for effect in result.effects if isinstance(effect, Say | HandOver)]
        self.messages += [message.text if isinstance(message, Say) else message.summary for message in messages]
        return ""

    def expect(self, words: str) -> str:
        message = self.messages.pop(0) if self.messages else ""
        return "" if message and re.search(words, message) else f"expected “{words}”, and “{message}” was said"

    def stands(self, words: str) -> str:
        return "" if words in (self.state.step, self.state.status) else f"it is {self.state.status} at “{self.state.step}”"

    def holds(self, words: str) -> str:
        names = {*self.definition.slots, *(f"steps.{id}" for id in self.definition.by_id)}
        try:
            return "" if holds(parsed(words, names), self.state.values) else f"the answers are {dict(self.state.slots)}"
        except BadCondition as error:
            return str(error)

    def refuses(self, words: str) -> str:
        return "" if self.refusal and re.search(words, self.refusal) else f"the refusal is “{self.refusal}”"

    def other(self, words: str) -> str:
        kind, _, rest = words.partition(" ")
        name, _, value = rest.partition(" ") if kind == "change" else ("", "", rest)
        return self.happen(Event(kind, value, name))


SIGNS: dict[str, Callable[[_Play, str], str]] = {
    "<": _Play.expect,
    ">": lambda play, words: play.happen(Event("answer", words)),
    "*": lambda play, words: play.happen(Event(MODEL_ANSWERED, words)),
    "=": _Play.stands,
    "?": _Play.holds,
    "!": _Play.refuses,
    "/": _Play.other,
}
