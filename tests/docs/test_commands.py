"""The help of commands is not truncated, and the pages name only commands that exist."""

import re
from collections.abc import Iterator

import click
from flask import Flask

from tests.docs.test_links import PAGES, name_of

NAMED = re.compile(r"(?:`|bin/)flask ((?:[a-z][a-z-]* ?)+)")
OF_FLASK = {"db", "run"}


def commands(group: click.Group, words: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield words + name, command
        if isinstance(command, click.Group):
            yield from commands(command, f"{words}{name} ")


def test_no_command_is_told_by_half_a_sentence(app: Flask) -> None:
    groups = [command for words, command in commands(app.cli) if isinstance(command, click.Group) and words not in OF_FLASK]
    for group in (app.cli, *groups):
        told = group.get_help(click.Context(group, info_name=group.name, terminal_width=80))
        ours = told.partition("Commands:")[2].splitlines()
        assert not [line for line in ours if line.endswith("...") or len(line.split()) == 1]


def test_every_command_that_the_pages_name_is_there(app: Flask) -> None:
    known = {words for words, _ in commands(app.cli)}
    for page in PAGES:
        for said in NAMED.findall(page.read_text("utf-8")):
            first, *more = said.split()
            if first in OF_FLASK:
                continue
            is_group = any(words.startswith(f"{first} ") for words in known)
            assert (f"{first} {more[0]}" if is_group and more else first) in known, f"{name_of(page)}: flask {said}"
