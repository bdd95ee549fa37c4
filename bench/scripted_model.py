"""A model that calls tools by a script, and the counter that they ask, in one process. `python -m bench.scripted_model`.

The model has no state: a request says how far its answer is, by the rounds with calls in it and by the text that is to be
continued. So one who asks it again after a kill gets the same answer, to the letter. What it was asked is reported to the driver.
"""

import argparse
import asyncio
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

READING, REPEATING, COUNTING, WAITING = "bench_read", "bench_repeat", "bench_count", "bench_ask"
# It does nothing, so that a long answer's own costs are measured.
NOTING = "bench_note"
TOOLS = (READING, REPEATING, COUNTING, WAITING)
# Where the server says what it holds in memory.
HELD = "/bench/held"
# What happens at most once.
ONCE = (COUNTING, WAITING)
# Words of each round, and words a second.
WORDS, LAST_WORDS, PACE = 14, 80, 60.0
LONG_WORDS, LONG_ROUNDS = 40, 12
FUSE_ROUNDS = 5
# Usual answers, long ones of many rounds, those that wait for a person at once, and those that reach limits.
NAME = re.compile(r"(?:run|long|hold|fuse)-\d{4}")
CHARS_PER_TOKEN = 4
LONGEST_DELAY, LOST_REPLIES = 0.35, 0.04
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Round:
    """What the model says and calls in one round; a call is its tool and its label, which occurs once."""

    text: str
    calls: tuple[tuple[str, str], ...] = ()


def script(run: str, *, has_tools: bool = True) -> list[Round]:
    """Returns the rounds of an answer; a third of those with tools have a call that a person must allow."""
    if run.startswith("long"):
        calls = [((NOTING, f"{run}/{number}/0"),) for number in range(LONG_ROUNDS - 1)] if has_tools else []
        return [Round(_text(run, number, LONG_WORDS), made) for number, made in enumerate([*calls, ()])]
    if run.startswith("fuse"):
        made = [
            tuple((NOTING, f"{run}/{number}/{place}") for place in range(1 + number % 3)) for number in range(FUSE_ROUNDS - 1)
        ]
        return [Round(_text(run, number, WORDS), calls) for number, calls in enumerate([*made, ()])]
    if run.startswith("hold"):
        return [Round(_text(run, 0, WORDS), ((WAITING, f"{run}/0/0"),)), Round(_text(run, 1, WORDS))]
    if not has_tools:
        return [Round(_text(run, 0, WORDS + LAST_WORDS))]
    asks = [WAITING] if int(run[-4:]) % 3 == 0 else []
    tools: list[list[str]] = [[READING, COUNTING], [COUNTING, REPEATING, COUNTING, *asks], []]
    return [
        Round(
            _text(run, number, WORDS if keys else LAST_WORDS),
            tuple((key, f"{run}/{number}/{place}") for place, key in enumerate(keys)),
        )
        for number, keys in enumerate(tools)
    ]


def whole_text(run: str, *, has_tools: bool = True) -> str:
    return "\n\n".join(part.text for part in script(run, has_tools=has_tools))


def _text(run: str, number: int, words: int) -> str:
    return " ".join(f"{run}.{number}.{word:02d}" for word in range(words))


@dataclass
class Asked:
    """What was heard of a run: when its requests and calls came, and what the last request of the model said of its calls."""

    came_at: list[float] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    # By label: when each request of the counter came, by the wall clock, and the receipts of those that were counted.
    counted_at: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    receipts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    under_way: list[str] = field(default_factory=list)


class Model:
    def __init__(self, seed: int) -> None:
        self._dice, self._runs, self._numbers = random.Random(seed), defaultdict[str, Asked](Asked), iter(range(1, 10**9))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path, body = await requested(reader)
            if path.endswith("/chat/completions"):
                await self._speak(writer, body)
            elif path.endswith("/count"):
                await self._count(writer, body)
            elif "/report/" in path:
                _reply(writer, json.dumps(vars(self._runs[path.rpartition("/")[2]])))
            else:
                _reply(writer, json.dumps({"data": [{"id": "bench/model", "supported_parameters": ["tools"]}]}))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _count(self, writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
        """Counts a call once its delay is over, whether or not its sender is still there; a few replies are lost."""
        label = body["call"]
        asked = self._runs[label.partition("/")[0]]
        asked.came_at.append(time.monotonic())
        asked.counted_at[label].append(time.time())
        asked.under_way.append(label)
        await asyncio.sleep(self._dice.uniform(0, LONGEST_DELAY))
        receipt = f"{label} has receipt {next(self._numbers)}"
        asked.receipts[label].append(receipt)
        await asyncio.sleep(self._dice.uniform(0, LONGEST_DELAY))
        asked.under_way.remove(label)
        if self._dice.random() > LOST_REPLIES:
            _reply(writer, receipt, "text/plain")

    async def _speak(self, writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
        messages: Sequence[dict[str, Any]] = body["messages"]
        name = NAME.search(json.dumps(messages))
        if not name or not body.get("stream"):
            _reply(writer, json.dumps({"choices": [{"message": {"content": "Counting"}, "finish_reason": "stop"}]}))
            return
        asked = self._runs[name[0]]
        asked.came_at.append(time.monotonic())
        asked.results = list(results_in(messages))
        rounds, has_tools = script(name[0], has_tools="tools" in body), "tools" in body
        step = rounds[min(sum("tool_calls" in message for message in messages), len(rounds) - 1)]
        step = rounds[-1] if body.get("tool_choice") == "none" else step
        # A chat with a long answer has others before it.
        partial = "" if name[0].startswith("long") else partial_in(messages).lstrip("\n")
        if not step.text.startswith(partial):
            asked.strange.append(f"asked to continue {partial[-60:]!r}")
            partial = ""
        writer.write(HEAD % b"text/event-stream")
        await asyncio.sleep(self._dice.uniform(0.02, 0.15))
        for word in re.findall(r" ?\S+", step.text[len(partial) :]):
            writer.write(event({"content": word}))
            await writer.drain()
            await asyncio.sleep(1 / PACE)
        for number, (tool, label) in enumerate(step.calls if has_tools else ()):
            arguments = json.dumps({"call": label})
            function = {"name": tool, "arguments": arguments[:9]}
            id = f"{label.replace('/', '_')}_{self._dice.getrandbits(32):08x}"
            writer.write(event({"tool_calls": [{"index": number, "id": id, "type": "function", "function": function}]}))
            await writer.drain()
            await asyncio.sleep(1 / PACE)
            writer.write(event({"tool_calls": [{"index": number, "function": {"arguments": arguments[9:]}}]}))
        usage = {"prompt_tokens": sum(map(len, sent_texts(body))) // CHARS_PER_TOKEN, "completion_tokens": len(step.text) // 4}
        writer.write(event({}, "tool_calls" if step.calls else "stop", usage) + b"data: [DONE]\n\n")


async def requested(reader: asyncio.StreamReader) -> tuple[str, Any]:
    """Reads a request; returns its path and its JSON."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    size = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
    return head.split(" ", 2)[1], json.loads(await reader.readexactly(int(size[1])) if size else b"{}")


def sent_texts(body: dict[str, Any]) -> Iterator[str]:
    """Yields all that a request contains as text."""
    for message in body["messages"]:
        yield str(message["content"] or "")
        yield from (call["function"]["arguments"] for call in message.get("tool_calls", ()))
    for tool in body.get("tools", ()):
        yield from (tool["function"]["description"], json.dumps(tool["function"]["parameters"]))


def partial_in(messages: Sequence[dict[str, Any]]) -> str:
    """Returns the text that is to be continued: the last message, or the one before an instruction to continue."""
    *_, before, last = ({"role": ""}, *messages)
    message = last if last["role"] == "assistant" else before if last["role"] == "user" else {}
    return str(message["content"]) if message.get("role") == "assistant" and "tool_calls" not in message else ""


def results_in(messages: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yields what a request says of each call: its label, and what it returned."""
    calls = [call for message in messages for call in message.get("tool_calls", ())]
    labels = {call["id"]: json.loads(call["function"]["arguments"])["call"] for call in calls}
    for message in messages:
        if message["role"] == "tool":
            yield labels.get(message["tool_call_id"], message["tool_call_id"]), str(message["content"])


def _reply(writer: asyncio.StreamWriter, text: str, kind: str = "application/json") -> None:
    writer.write(HEAD % kind.encode() + text.encode())


def event(delta: dict[str, Any], finish: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "bench", "choices": [choice], "usage": usage}).encode() + b"\n\n"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("seed", type=int)
    chosen = parser.parse_args()
    server = await asyncio.start_server(Model(chosen.seed).answer, "127.0.0.1", chosen.port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
