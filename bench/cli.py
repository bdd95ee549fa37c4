"""`flask bench`: measures this machine and the product on it."""

import json
import sys
from dataclasses import asdict
from typing import TextIO

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from bench import compare, crowd, knowledge, pages, partial_json, plans, sitting, typed
from bench import recover as recovering
from bench import soak as soaking
from bench import stream as streams
from bench import workers as several
from bench.load import Sitting
from bench.separate_process import measured_in_new_process
from bench.verdict import OUT_OF_BOUNDS, Verdict

TOO_MUCH = "Some results are out of bounds."
bench = AppGroup("bench", help="Measure this machine and Millrace running on it.")


@bench.command("stream", epilog=f"Lines: {', '.join(streams.NAMES)}.")
@click.argument("names", nargs=-1, metavar="[LINE]...", type=click.Choice(streams.NAMES))
@click.option("--rounds", default=3, show_default=True, help="How often each is measured; the median counts.")
@click.option("--profile", "is_profiled", is_flag=True, help="Say where the worker's CPU goes.")
@click.option("--json", "file", type=click.File("w"), help="A file for all figures of all runs.")
@click.option("--workers", default=1, show_default=True, help="So many on PostgreSQL and Redis, beside one on SQLite.")
def stream(names: tuple[str, ...], rounds: int, is_profiled: bool, file: TextIO | None, workers: int) -> None:
    """What answers cost, and how late tokens are, beside a relay.

    The whole table, or some lines of it: `flask bench stream api-400 --rounds 1` takes less than a minute.
    With several workers it is 200 answers at once, by them and by one worker on SQLite.
    """
    if workers > 1:
        return _conclude(several.measure(workers, rounds, click.echo))
    report = streams.measure(names, rounds, click.echo, is_profiled=is_profiled)
    if file:
        json.dump(asdict(report), file, indent=1)
    return _conclude(report.verdict)


@bench.command("compare")
@click.option("--rounds", default=5, show_default=True, help="How often to request each.")
def compare_both(rounds: int) -> None:
    """One prompt streamed and not streamed, on the demo model."""
    _conclude(compare.measure(rounds, click.echo))


@bench.command("plans")
@click.option("--plans", "count", default=20, show_default=True, help="How many at once.")
@click.option("--rate", default=50.0, show_default=True, help="Tokens a second.")
def write_plans(count: int, rate: float) -> None:
    """Many plans at once, with a quota for just as many."""
    _conclude(plans.measure(count, rate, click.echo))


@bench.command("recover")
@click.option("--kills", default=20, show_default=True, help="Workers killed.")
@click.option("--freezes", default=6, show_default=True, help="Workers frozen for moments.")
@click.option("--hangs", default=2, show_default=True, help="Workers frozen for longer than their lease.")
@click.option("--seed", default=1, show_default=True, help="Which random moments.")
def recover(kills: int, freezes: int, hangs: int, seed: int) -> None:
    """Workers of two hosts killed and frozen while they write."""
    _conclude(recovering.measure(kills, freezes, hangs, seed, click.echo))


@bench.command("soak")
@click.option("--streams", default=50, show_default=True, help="Answers at once.")
@click.option("--minutes", default=10.0, show_default=True, help="Duration.")
@click.option("--seed", default=1, show_default=True, help="Which faults, and when.")
def soak(streams: int, minutes: float, seed: int) -> None:
    """Answers, pages that come and go, a fault every ten seconds."""
    _conclude(soaking.measure(streams, minutes, seed, click.echo))


@bench.command("memory")
@click.option("--messages", default=1_000, show_default=True, help="Initial length of the chat.")
@click.option("--minutes", default=10.0, show_default=True, help="How long it then continues; judged after five.")
def memory(messages: int, minutes: float) -> None:
    """Memory in a long chat that continues while it is watched."""
    load = Sitting(1, 1, 1, minutes * 60, every=20, pace=1, tokens=40, rate=1_000, fill=messages)
    _conclude(sitting.memory(load, click.echo))


@bench.command("watchers")
@click.option("--watchers", "count", default=100, show_default=True, help="Number of open pages.")
@click.option("--minutes", default=10.0, show_default=True, help="Duration.")
@click.option("--workers", default=1, show_default=True, help="With several: one answer that all pages show.")
def watchers(count: int, minutes: float, workers: int) -> None:
    """Pages that stay open: whether a stream ends that should not."""
    if workers > 1:
        return _conclude(crowd.measure(workers, count, click.echo))
    load = Sitting(count, 10, 3, minutes * 60, every=30, pace=60, tokens=400, rate=20)
    return _conclude(sitting.watchers(load, click.echo))


@bench.command("page")
def page() -> None:
    """Pages and searches with little and with much data. It takes a minute or two."""
    _measure_in_new_process("page")


@bench.command("search")
def search() -> None:
    """Searches, letter by letter, as they are typed."""
    _measure_in_new_process("search")


@bench.command("knowledge")
@click.option("--database", default="", help="The URL of an empty PostgreSQL database; without it, SQLite.")
def in_knowledge(database: str) -> None:
    """Searches among 50,000 passages, with permissions."""
    _measure_in_new_process("knowledge", **({"DATABASE_URL": database} if database else {}))


@bench.command("measure-here", hidden=True)
@click.argument("what", type=click.Choice(["page", "search", "knowledge"]))
@with_appcontext
def measure_here(what: str) -> None:
    """Runs a measurement in this process, with a database that it fills with generated data."""
    measure = {"page": pages.measure, "search": typed.measure, "knowledge": knowledge.measure}[what]
    verdict = measure(current_app._get_current_object(), click.echo)  # type: ignore[attr-defined]
    _print(verdict)
    sys.exit(0 if verdict.is_good else OUT_OF_BOUNDS)


@bench.command("partial-json")
def read_partial_json() -> None:
    """Reading a plan while it is written. It comes in pieces of four characters."""
    _conclude(partial_json.measure(click.echo))


def _measure_in_new_process(what: str, **more: str) -> None:
    if not measured_in_new_process(what, click.echo, **more):
        sys.exit(TOO_MUCH)


def _conclude(verdict: Verdict) -> None:
    _print(verdict)
    if not verdict.is_good:
        sys.exit(TOO_MUCH)


def _print(verdict: Verdict) -> None:
    click.echo("\n" + "\n".join(verdict.lines()))
