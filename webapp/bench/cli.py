"""`flask bench`: measures this machine and the product on it."""

import sys

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from webapp.bench import pages, partial_json
from webapp.bench.figures import OUT_OF_BOUNDS
from webapp.bench.house import in_a_full_house
from webapp.bench.stream import Load, measure

bench = AppGroup("bench", help="Measurements.")


@bench.command("stream")
@click.option("--answers", default=100, show_default=True, help="How many at once.")
@click.option("--tokens", default=400, show_default=True, help="How long each is.")
@click.option("--rate", default=50.0, show_default=True, help="Tokens a second.")
def stream(answers: int, tokens: int, rate: float) -> None:
    """Many answers at once, beside a minimal relay run in the same minute."""
    if not measure(Load(answers, tokens, rate), click.echo):
        sys.exit("Tokens were lost.")


@bench.command("page")
def page() -> None:
    """Pages and searches in a small house and in a full one; takes about two minutes."""
    if not in_a_full_house(click.echo):
        sys.exit("Something is out of its bounds.")


@bench.command("this-house", hidden=True)
@with_appcontext
def this_house() -> None:
    """What `page` runs in a process and a house of its own; it fills the database with what nobody has written."""
    if not pages.measure(current_app._get_current_object(), click.echo):  # type: ignore[attr-defined]
        sys.exit(OUT_OF_BOUNDS)


@bench.command("partial-json")
def read_partial_json() -> None:
    """Reading a plan while it is written, in pieces of four characters."""
    if not partial_json.measure(click.echo):
        sys.exit("Reading costs more than it may.")
