"""What an answer with many rounds costs beside as many plain answers of the same text, and what one costs that waits."""

import asyncio
import json
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from bench.browsing import Browser, Owner
from bench.counted_run import Api, Findings, Follower
from bench.recover import Killed, Killing, running
from bench.scripted_model import HELD, LONG_ROUNDS, NOTING, WAITING
from bench.verdict import Bar, Verdict, drift
from webapp.engine.state.generation_logs import KEEP_SECONDS

AT_ONCE, WAITING_FIRST, WAITING_MORE = 8, 40, 200
MOST_RATIO, MOST_BYTES = 1.3, 4096
LOOK_SECONDS = 0.2
Say = Callable[[str], None]


def measure(rounds: int, say: Say) -> Verdict:
    """Measures both, each on a server of its own."""
    say(f"{AT_ONCE} answers at once, of {LONG_ROUNDS} rounds each, beside as many plain answers of the same text")
    with running(Killing(0)) as (server, link, _):
        pairs = asyncio.run(_costs(server, Owner(link), rounds, say))
    with running(Killing(0), PYTHONTRACEMALLOC="1") as (_, link, _):
        held, greenlets = asyncio.run(_held(Owner(link)))
    ratios = [with_tools / plain for plain, with_tools in pairs]
    words = f"CPU of {LONG_ROUNDS} rounds in that of {LONG_ROUNDS} plain answers of the same text"
    bars = [
        Bar(words, median(ratios), MOST_RATIO, is_timed=True),
        Bar("memory of an answer that waits", held, MOST_BYTES, " bytes"),
        Bar(f"greenlets of {WAITING_MORE} answers that wait", greenlets, 0),
    ]
    doubt = drift(min(plain for plain, _ in pairs), max(plain for plain, _ in pairs))
    return Verdict(bars, [doubt] if doubt else [])


async def _costs(server: Killed, owner: Owner, rounds: int, say: Say) -> list[tuple[float, float]]:
    """Returns the CPU seconds of plain answers and of answers with tools, per round of the measurement."""
    await owner.come()
    api, pairs = Api(owner, Findings()), list[tuple[float, float]]()
    # The first is a rehearsal.
    for number in range(rounds + 1):
        costs = []
        for tools in ([], [NOTING]):
            before = await asyncio.to_thread(server.cpu_at_rest)
            await asyncio.gather(*(_write(api, f"long-{number:02d}{place:02d}", tools) for place in range(AT_ONCE)))
            costs.append(await asyncio.to_thread(server.cpu_at_rest) - before)
        if number:
            pairs.append((costs[0], costs[1]))
            say(f"plain {costs[0]:.2f} s, with tools {costs[1]:.2f} s of CPU")
    return pairs


async def _write(api: Api, name: str, tools: Sequence[str]) -> None:
    """Has one answer with tools written, or one plain answer after the other in one chat, and reads along."""
    message, chat = f"Count for {name}, please.", ""
    for _ in range(1 if tools else LONG_ROUNDS):
        if chat:
            _, sent = await api.ask("POST", f"/chats/{chat}/messages", {"message": message})
        else:
            _, reply = await api.ask("POST", "/chats", {"message": message, "model": "bench/model", "tools": tools})
            chat, sent = reply["chat"]["id"], reply["sent"]
        reader = Follower(api.browser, sent["generation_id"])
        await reader.read()
        if reader.ends != 1:
            raise RuntimeError(f"{name} has {reader.ends} ends")


async def _held(owner: Owner) -> tuple[float, int]:
    """Returns the memory of one answer that waits, and how many greenlets all of them have."""
    await owner.come()
    api = Api(owner, Findings())
    await _wait(api, range(WAITING_FIRST))
    before = await _state(owner)
    await _wait(api, range(WAITING_FIRST, waiting := WAITING_FIRST + WAITING_MORE))
    # Until then, the log of each is kept for readers that come back, as that of every answer.
    await asyncio.sleep(KEEP_SECONDS)
    await _wait(api, range(waiting, waiting + WAITING_FIRST))
    after = await _state(owner)
    return (after["bytes"] - before["bytes"]) / WAITING_MORE, after["greenlets"] - before["greenlets"]


async def _wait(api: Api, numbers: range) -> None:
    """Begins answers of which each ends up waiting for a person."""
    for first in range(numbers.start, numbers.stop, AT_ONCE):
        some = range(first, min(first + AT_ONCE, numbers.stop))
        body = [{"message": f"Count for hold-{number:04d}.", "model": "bench/model", "tools": [WAITING]} for number in some]
        await asyncio.gather(*(api.ask("POST", "/chats", chat) for chat in body))
    while len((await api.ask("GET", "/waiting"))[1]["calls"]) < numbers.stop:
        await asyncio.sleep(LOOK_SECONDS)


async def _state(browser: Browser) -> dict[str, Any]:
    """Returns the memory and the greenlets of the worker once it is at rest."""
    await asyncio.sleep(2)
    found: dict[str, Any] = json.loads(await browser.page(HELD))
    return found
