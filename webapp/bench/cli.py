"""`flask bench`: measures this machine and the product on it."""

import sys

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from webapp.bench import compare, pages, partial_json, plans, sitting
from webapp.bench import stream as streams
from webapp.bench.house import in_a_full_house
from webapp.bench.load import Load, Sitting
from webapp.bench.verdict import OUT_OF_BOUNDS, Verdict

TOO_MUCH = "Something is out of its bounds."
bench = AppGroup("bench", help="Measure this machine and Millrace on it.")


@bench.command("stream")
@click.option("--answers", default=100, show_default=True, help="How many at once.")
@click.option("--tokens", default=400, show_default=True, help="How long each is.")
@click.option("--rate", default=50.0, show_default=True, help="Tokens a second.")
@click.option("--within", default=1.0, show_default=True, help="Seconds in which all of them are asked for.")
@click.option("--later", default=20, show_default=True, help="How many more ask while these are written.")
def stream(answers: int, tokens: int, rate: float, within: float, later: int) -> None:
    """Many answers at once, beside a minimal relay. Both run in the same minute."""
    _conclude(streams.measure(Load(answers, tokens, rate, within, later), click.echo))


@bench.command("compare")
@click.option("--rounds", default=5, show_default=True, help="How often either is asked for.")
def compare_both(rounds: int) -> None:
    """One prompt streamed and not streamed, on the demo model."""
    _conclude(compare.measure(rounds, click.echo))


@bench.command("plans")
@click.option("--plans", "count", default=20, show_default=True, help="How many at once.")
@click.option("--rate", default=50.0, show_default=True, help="Tokens a second.")
def write_plans(count: int, rate: float) -> None:
    """Many plans at once, with a quota for just as many."""
    _conclude(plans.measure(count, rate, click.echo))


@bench.command("memory")
@click.option("--messages", default=1_000, show_default=True, help="How long the chat is at first.")
@click.option("--minutes", default=10.0, show_default=True, help="How long it then goes on; judged after five.")
def memory(messages: int, minutes: float) -> None:
    """Memory in a long chat that goes on and is watched."""
    load = Sitting(1, 1, 1, minutes * 60, every=20, pace=1, tokens=40, rate=1_000, fill=messages)
    _conclude(sitting.memory(load, click.echo))


@bench.command("watchers")
@click.option("--watchers", "count", default=100, show_default=True, help="How many pages are open.")
@click.option("--minutes", default=10.0, show_default=True, help="How long.")
def watchers(count: int, minutes: float) -> None:
    """Pages that stay open: whether a stream ends that should not."""
    load = Sitting(count, 10, 3, minutes * 60, every=30, pace=60, tokens=400, rate=20)
    _conclude(sitting.watchers(load, click.echo))


@bench.command("page")
def page() -> None:
    """Pages and searches in a small house and in a full one. It takes a minute or two."""
    if not in_a_full_house(click.echo):
        sys.exit(TOO_MUCH)


@bench.command("this-house", hidden=True)
@with_appcontext
def this_house() -> None:
    """What `page` runs in a process and a house of its own; it fills the database with what nobody has written."""
    verdict = pages.measure(current_app._get_current_object(), click.echo)  # type: ignore[attr-defined]
    _tell(verdict)
    sys.exit(0 if verdict.is_good else OUT_OF_BOUNDS)


@bench.command("partial-json")
def read_partial_json() -> None:
    """Reading a plan while it is written. It comes in pieces of four characters."""
    _conclude(partial_json.measure(click.echo))


def _conclude(verdict: Verdict) -> None:
    _tell(verdict)
    if not verdict.is_good:
        sys.exit(TOO_MUCH)


def _tell(verdict: Verdict) -> None:
    click.echo("\n" + "\n".join(verdict.lines()))
