"""Another commit and this code, by turns on this machine: what an answer, a page, a start and a browser cost, before and now."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import counted, in_browser
from bench.alone import idle, start_seconds
from bench.browsing import IS_ANSWERED, Owner, Stream
from bench.checkouts import checked_out, commit_of
from bench.figures import RELAY, Compared, compared
from bench.load import Load
from bench.reading import Reading
from bench.servers import HERE, Checkout, Product, installed
from bench.stream import loss_bars, measured
from bench.table import CROWDS
from bench.verdict import Bar, Verdict, drift
from bench.visit import EVENT_STREAM

# Dearer than this is a fault to be found.
MOST_TIMES = 1.05
BRIEF, BATCHES, ANSWERS, PAGES = Load(100, 5, 50, within=4), 3, 5, 60
REST_SECONDS, POLL_SECONDS = 1.5, 0.05
Figures = Mapping[str, float]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """One line of the table; a difference of `least` is none, whatever its ratio."""

    words: str
    unit: str = ""
    least: float = 0.0


LINES = {
    "api": Line("API, 100 answers of 400 tokens, CPU in relays"),
    "pages": Line("pages, first turn, CPU in relays"),
    "later": Line("pages, later turns, CPU in relays"),
    "watched": Line("one answer on 100 open pages, CPU in relays", least=0.01),
    "api-first": Line("API, first token of 100 answers, p50", " ms", 2),
    "pages-first": Line("pages, first token of 100 answers, p50", " ms", 2),
    "api-brief": Line("API, an answer of 5 tokens, CPU", " ms", 0.3),
    "pages-brief": Line("pages, an answer of 5 tokens, CPU", " ms", 0.3),
    "api-statements": Line("API, an answer, statements", least=0.4),
    "pages-statements": Line("pages, an answer, statements", least=0.4),
    "resident": Line("idle, resident", " MB", 1),
    "proportional": Line("idle, proportional", " MB", 1),
    "start": Line("second start", " s", 0.05),
    "page-12": Line("a page of 12 messages, CPU", " ms", 0.3),
    "page-12-kb": Line("a page of 12 messages, HTML", " KB", 0.1),
    "page-50": Line("a page of 50 messages, CPU", " ms", 0.3),
    "page-50-kb": Line("a page of 50 messages, HTML", " KB", 0.1),
    "longest": Line("longest task of a browser in an answer of a megabyte", " ms", 10),
    "bytes": Line("bytes to that browser, for each of the answer", least=0.005),
}


def measure(commit: str, names: Sequence[str], rounds: int, say: Say) -> Verdict:
    """Measures both in each round, and the relay between them where answers are measured."""
    before = commit_of(commit)
    say(f"Setting up {before}.")
    sides = {"before": checked_out(before), "now": HERE}
    found: dict[str, dict[str, list[float]]] = {side: defaultdict(list) for side in sides}
    floors: list[float] = []
    for number in range(1, rounds + 1):
        for name in names or PROBES:
            # Who comes first changes, as a machine becomes slower or faster meanwhile.
            for side in [*sides][:: 1 if number % 2 else -1]:
                figures = PROBES[name](sides[side], floors)
                for key, value in figures.items():
                    found[side][key].append(value)
                told = ", ".join(f"{key} {_short(value)}" for key, value in figures.items())
                say(f"round {number}, {side:<7} {told}")
    say("\n" + "\n".join(rows(found, before)))
    if floors:
        say(f"\nThe relay took {median(floors):.0f} CPU seconds per million tokens.")
    bars = [cost_bar(key, median(found["before"][key]), median(values)) for key, values in found["now"].items()]
    doubt = drift(min(floors), max(floors)) if floors else ""
    return Verdict(bars, [doubt] if doubt else [])


def rows(found: Mapping[str, Mapping[str, list[float]]], before: str) -> list[str]:
    rows = [f"{'':<60} {before:>9} {'now':>9} {'ratio':>6}"]
    for key, values in found["now"].items():
        line, then, now = LINES[key], median(found["before"][key]), median(values)
        words = f"{line.words} in{line.unit}" if line.unit else line.words
        rows.append(f"{words:<60} {_short(then):>9} {_short(now):>9} {now / then if then else 1:>6.2f}")
    return rows


def cost_bar(key: str, before: float, now: float) -> Bar:
    line = LINES[key]
    return Bar(line.words, now, max(before * MOST_TIMES, before + line.least), line.unit, is_timed=line.unit in ("", " ms", " s"))


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def _answers(checkout: Checkout, floors: list[float]) -> Figures:
    runs = {run.ours.name: run for run in _in_relays(CROWDS["400"], ("api", "pages", "later"), checkout, floors)}
    firsts = {f"{way}-first": runs[way].ours.heard.first_ms[0] for way in ("api", "pages")}
    return {way: run.cpu() for way, run in runs.items()} | firsts


def _watched(checkout: Checkout, floors: list[float]) -> Figures:
    (run,) = _in_relays(CROWDS["watched"], ("later",), checkout, [])
    return {"watched": run.cpu()}


def _brief(checkout: Checkout, floors: list[float]) -> Figures:
    """Measures answers of some tokens, which are little but their begin and end."""
    runs = _in_relays(BRIEF, ("api", "pages"), checkout, [])
    return {f"{run.ours.name}-brief": (run.ours.cpu_seconds or 0.0) / BRIEF.answers * 1000 for run in runs}


def _in_relays(load: Load, ways: Sequence[str], checkout: Checkout, floors: list[float]) -> list[Compared]:
    """Measures answers between two runs of the relay, whose cost is added to `floors`."""
    runs = measured(load, ways, lambda _: None, checkout=checkout)
    if faults := [bar.line() for bar in loss_bars(runs) if not bar.holds]:
        raise RuntimeError("; ".join(faults))
    floors += [run.cpu_per_million or 0.0 for run in runs if run.name == RELAY]
    return compared(runs)


def _statements(checkout: Checkout, floors: list[float]) -> Figures:
    """Counts the statements of an answer, from its request to its title."""
    with installed(BRIEF, config=str(Path(counted.__file__).resolve()), checkout=checkout) as installation:
        return asyncio.run(_counted(installation))


async def _counted(installation: Product) -> Figures:
    owner = Owner(installation.link)
    await owner.come()

    async def by_api(number: int) -> None:
        await _listen(Reading(BRIEF.tokens), await owner.ask("/api/v1/chats", {"message": f"Question {number}"}, EVENT_STREAM))

    async def by_page(number: int) -> None:
        reading = Reading(BRIEF.tokens)
        page = await owner.page(await owner.send("/chats", {"message": f"Question {number}", "key": f"count-{number}"}))
        reading.take(page.encode())
        await _listen(reading, await owner.listen(page))

    figures = {}
    for name, ask in (("api-statements", by_api), ("pages-statements", by_page)):
        counts = []
        for batch in range(BATCHES):
            await asyncio.sleep(REST_SECONDS)
            before = _count(installation)
            for number in range(ANSWERS):
                await ask(batch * ANSWERS + number)
            await asyncio.sleep(REST_SECONDS)
            counts.append(_count(installation) - before)
        # The first ones fill caches, and what runs in the background can fall into any.
        figures[name] = min(counts) / ANSWERS
    return figures


async def _listen(reading: Reading, stream: Stream) -> None:
    try:
        await reading.listen(stream)
    finally:
        stream.writer.close()


def _count(installation: Product) -> int:
    return int(installation.told(counted.FILE))


def _idle(checkout: Checkout, floors: list[float]) -> Figures:
    memory = idle(checkout)
    return {"resident": memory.resident_mb, "proportional": memory.proportional_mb}


def _start(checkout: Checkout, floors: list[float]) -> Figures:
    return {"start": start_seconds(checkout)}


def _pages(checkout: Checkout, floors: list[float]) -> Figures:
    with installed(Load(1, 60, 2_000), checkout=checkout) as installation:
        return asyncio.run(_paged(installation))


async def _paged(installation: Product) -> Figures:
    owner, figures = Owner(installation.link), dict[str, float]()
    await owner.come()
    path = await owner.send("/chats", {"message": "Question 1", "key": "page"})
    for turn in range(1, 26):
        if turn > 1:
            await owner.write(f"{path}/messages", {"message": f"Question {turn}", "key": f"page-{turn}"})
        while len(IS_ANSWERED.findall(page := await owner.page(path))) < turn:
            await asyncio.sleep(POLL_SECONDS)
        if turn in (6, 25):
            used = installation.server.cpu_at_rest()
            for _ in range(PAGES):
                page = await owner.page(path)
            figures[f"page-{2 * turn}"] = (installation.server.cpu_seconds() - used) / PAGES * 1000
            figures[f"page-{2 * turn}-kb"] = len(page.encode()) / 1000
    return figures


def _browser(checkout: Checkout, floors: list[float]) -> Figures:
    read = in_browser.read(checkout)
    return {"longest": read.longest_ms, "bytes": read.bytes_per_byte}


# By the names that the command takes.
PROBES: dict[str, Callable[[Checkout, list[float]], Figures]] = {
    "answers": _answers,
    "watched": _watched,
    "brief": _brief,
    "statements": _statements,
    "idle": _idle,
    "start": _start,
    "pages": _pages,
    "browser": _browser,
}
