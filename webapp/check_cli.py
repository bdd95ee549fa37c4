"""`flask check`: the health page in a terminal, after every connection has been asked."""

import sys
from functools import partial

import click
from flask.cli import with_appcontext

from webapp.generations.models import providers
from webapp.refusals_cli import told
from webapp.settings import connections
from webapp.settings.service import COMMAND_LINE
from webapp.web import facts
from webapp.web.fact import Fact
from webapp.web.health import trouble_with_database

MARKS = {"ok": "ok  ", "warn": "!   ", "bad": "BAD ", "": "    "}


@click.command()
@with_appcontext
@told
def check() -> None:
    """Say how everything stands, with hints. Asks every connection, and fails when something is broken."""
    if not trouble_with_database():
        _ask_everybody()
    chapters = facts.chapters()
    for chapter in chapters:
        click.echo(chapter.title)
        for fact in chapter.facts:
            _tell(fact)
    if any(fact.tone == "bad" for chapter in chapters for fact in chapter.facts):
        sys.exit(1)


def _ask_everybody() -> None:
    for each in providers().connections():
        if each.is_usable:
            connections.check(each.slug, partial(providers().provider, each.slug), actor=COMMAND_LINE)
    providers().forget()


def _tell(fact: Fact) -> None:
    click.echo(f"  {MARKS[fact.tone]}{fact.name}: {fact.words}")
    if fact.hint:
        click.echo(f"        {fact.hint}")
