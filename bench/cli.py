"""`flask bench`: measures this machine and the product on it."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from bench import (
    against as comparison,
    browse as browsing_pages,
    compare,
    context as outgrowing,
    fuse,
    knowledge,
    pages,
    plans,
    recover as recovering,
    sitting,
    stream as streams,
    tool_costs,
)
from bench.context_world import Plan
from bench.load import Sitting
from bench.publish import publish
from bench.recover import Killing
from bench.servers import KEY, command, flask
from bench.verdict import OUT_OF_BOUNDS, Verdict
from webapp.base.config import ROOT

TOO_MUCH = "Some results are out of bounds."
PUBLISH = click.Option(["--publish"], is_flag=True, help="Write the result into docs/performance.md, in place of the one there.")
bench = AppGroup("bench", params=[PUBLISH], help="Measure this machine and Millrace running on it.")


@bench.command("stream", epilog=f"Lines: {', '.join(streams.NAMES)}.")
@click.argument("names", nargs=-1, metavar="[LINE]...", type=click.Choice(streams.NAMES))
@click.option("--rounds", default=3, show_default=True, help="How often each is measured; the median counts.")
@click.option("--profile", "is_profiled", is_flag=True, help="Say where the worker's CPU goes.")
@click.option("--json", "file", type=click.File("w"), help="A file for all figures of all runs.")
def stream(names: tuple[str, ...], rounds: int, is_profiled: bool, file: TextIO | None) -> None:
    """What answers cost, and how late tokens are, beside a relay.

    The whole table, or some lines of it: `flask bench stream api-400 --rounds 1` takes less than a minute.
    """
    report = streams.measure(names, rounds, click.echo, is_profiled=is_profiled)
    if file:
        json.dump(asdict(report), file, indent=1)
    _conclude(report.verdict)


@bench.command("against", epilog=f"Lines: {', '.join(comparison.PROBES)}.")
@click.argument("commit")
@click.argument("names", nargs=-1, metavar="[LINE]...", type=click.Choice([*comparison.PROBES]))
@click.option("--rounds", default=3, show_default=True, help="How often each is measured; the median counts.")
def against(commit: str, names: tuple[str, ...], rounds: int) -> None:
    """This code beside another commit: what is dearer by more than 5 %. All lines take half an hour."""
    try:
        _conclude(comparison.measure(commit, names, rounds, click.echo))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


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
def watchers(count: int, minutes: float) -> None:
    """Pages that stay open: whether a stream ends that should not."""
    load = Sitting(count, 10, 3, minutes * 60, every=30, pace=60, tokens=400, rate=20)
    _conclude(sitting.watchers(load, click.echo))


@bench.command("recover")
@click.option("--tools", "has_tools", is_flag=True, help="The answers call tools, of which some must not be called twice.")
@click.option("--kills", default=200, show_default=True, help="How often a worker is killed; every tenth time its master too.")
@click.option("--seed", default=1, show_default=True, help="Another one kills at other moments.")
@click.option("--database", default="", help="The URL of an empty PostgreSQL database; without it, SQLite.")
@click.option("--redis", default="", help="The URL of a Redis, which several workers need.")
@click.option("--workers", default=1, show_default=True, help="How many workers.")
def recover(has_tools: bool, kills: int, seed: int, database: str, redis: str, workers: int) -> None:
    """Kill servers in the middle of answers, in 15 minutes."""
    killing = recovering.Killing(kills, seed, database, redis, workers, has_tools)
    _conclude(recovering.measure(killing, click.echo))


@bench.command("tools")
@click.option("--rounds", default=3, show_default=True, help="How often each is measured; the median counts.")
def tools(rounds: int) -> None:
    """What answers with tools cost, and those that wait."""
    _conclude(tool_costs.measure(rounds, click.echo))


@bench.command("fuse")
@click.option("--answers", default=500, show_default=True, help="How many answers.")
@click.option("--seed", default=1, show_default=True, help="Another one decides otherwise.")
@click.option("--database", default="", help="The URL of an empty PostgreSQL database; without it, SQLite.")
@click.option("--redis", default="", help="The URL of a Redis, which several workers need.")
@click.option("--workers", default=1, show_default=True, help="How many workers.")
def blow_fuses(answers: int, seed: int, database: str, redis: str, workers: int) -> None:
    """Answers that reach limits and use up a budget, in a few minutes."""
    _conclude(fuse.measure(Killing(0, seed, database, redis, workers), answers, click.echo))


@bench.command("context")
@click.option("--seed", default=1, show_default=True, help="Another one says other things.")
@click.option("--chats", default=4, show_default=True, help="How many chats at each context.")
@click.option(
    "--runs", default=2, show_default=True, help="How many answers at each context that read pages, in 20 or 60 rounds."
)
@click.option("--context", "contexts", default="8192,32768,131072", show_default=True, help="What models hold, in tokens.")
@click.option("--turns", default=60, show_default=True, help="How many turns a chat has.")
@click.option("--fault", default=0.0, show_default=True, help="Which part of the summaries fails.")
@click.option("--database", default="", help="The URL of an empty PostgreSQL database; without it, SQLite.")
def outgrow(seed: int, chats: int, runs: int, contexts: str, turns: int, fault: float, database: str) -> None:
    """Chats and answers that outgrow a context: what is kept and found."""
    try:
        sizes = tuple(int(size) for size in contexts.split(","))
    except ValueError as error:
        raise click.UsageError("Write contexts as in 8192,32768.") from error
    _conclude(outgrowing.measure(Plan(seed, chats, runs, sizes, turns, fault), click.echo, database=database))


@bench.command("page")
def page() -> None:
    """Pages and searches with little and with much data. It takes a minute or two."""
    _measure_in_new_process("page")


@bench.command("browse")
@click.option("--clicks", default=30, show_default=True, help="How many of each kind.")
def browse(clicks: int) -> None:
    """Clicks in the sidebar, in a Chromium: how soon the chat is there. It needs Playwright, as the tests do."""
    _conclude(browsing_pages.measure(clicks, click.echo))


@bench.command("fill-chats", hidden=True)
@with_appcontext
def fill_chats() -> None:
    """Creates the chats that `browse` clicks on, in the data folder of its server."""
    browsing_pages.fill()


@bench.command("search")
@click.option("--database", default="", help="The URL of an empty PostgreSQL database; without it, SQLite.")
def search(database: str) -> None:
    """Searches over everything, letter by letter, as they are typed."""
    _measure_in_new_process("search", **({"DATABASE_URL": database} if database else {}))


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
    measure = {"page": pages.measure, "search": pages.measure_typed, "knowledge": knowledge.measure}[what]
    verdict = measure(current_app._get_current_object(), click.echo)  # type: ignore[attr-defined]
    _print(verdict, what)
    sys.exit(0 if verdict.is_good else OUT_OF_BOUNDS)


def _measure_in_new_process(what: str, **more: str) -> None:
    """Measures on a fresh data folder, so that the operator's data is neither measured nor changed.

    `more` are additional environment variables.
    """
    with TemporaryDirectory() as folder:
        environ = {"DATA_DIR": folder, "OPENROUTER_API_KEY": KEY, "OPENROUTER_MODEL": "bench/model", **more}
        flask(environ, "prepare")
        publishing = ["--publish"] if _is_to_publish() else []
        words, log = ["-m", "flask", "bench", *publishing, "measure-here", what], Path(folder, "pages.log")
        with log.open("w") as output:
            process = subprocess.Popen(command(words, environ), cwd=ROOT, stdout=subprocess.PIPE, stderr=output, text=True)
        for line in process.stdout or ():
            click.echo(line.rstrip())
        if process.wait() not in (0, OUT_OF_BOUNDS):
            raise RuntimeError(f"the pages could not be measured:\n{log.read_text('utf-8', 'replace')[-2000:]}")
    if process.returncode:
        sys.exit(TOO_MUCH)


def _conclude(verdict: Verdict) -> None:
    _print(verdict, str(click.get_current_context().info_name))
    if not verdict.is_good:
        sys.exit(TOO_MUCH)


def _print(verdict: Verdict, name: str) -> None:
    click.echo("\n" + "\n".join(verdict.lines()))
    if _is_to_publish():
        publish(name, verdict)


def _is_to_publish() -> bool:
    group = click.get_current_context().parent
    return bool(group and group.params["publish"])
