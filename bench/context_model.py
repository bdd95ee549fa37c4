"""A model that obeys what it was sent and knows nothing else, with its pages, in one process. `python -m bench.context_model`.

It keeps a rule and answers a question only if its request has them, and looks for other facts behind handles. It refuses
what is longer than its context, and counts what of its requests a cache would have had.
"""

import argparse
import asyncio
import hashlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bench.context_world import Conversation, Needle, Plan, Turn, conversations
from bench.scripted_model import event, requested
from webapp.models.tokens import PER_MESSAGE, estimate

READING, PAGE, RECALL = "bench_page", "page", "recall"
UNKNOWN = "unknown"
# Within a fold of whole rounds, lines have no brackets.
HANDLE_LINE = re.compile(r"^\[?(fold-\d+)[:;] .*", re.MULTILINE)
# A fold of messages, with its text.
PARAGRAPH = re.compile(r"\[(fold-\d+): [\d  ,]+ messages?[^\]]*\]")
# How often a model looks for one thing before it gives up.
MOST_LOOKS = 4
# A cache has what requests begin with in pieces of so many characters.
CACHED_CHARS = 64
PIECE_CHARS = 400
SLOW_SECONDS, NEVER_SECONDS = 5.0, 600.0
FAULTS = ("429", "500", "empty", "reasoning", "cut", "language", "longer", "slow", "never")
REFUSAL = "This model's maximum context length is {most} tokens. However, your messages resulted in {sent} tokens."
HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: %s\r\nConnection: close\r\n\r\n"


@dataclass
class Heard:
    """What one conversation's requests have shown. Tokens and characters are those of all its requests."""

    sent_tokens: int = 0
    everything_tokens: int = 0
    chars: int = 0
    cached_chars: int = 0
    requests: int = 0
    refused: int = 0
    looks: int = 0
    direct: int = 0
    recalled: int = 0
    missed: list[str] = field(default_factory=list)
    # By turn: when its first request came, and whether something was newly folded in it.
    came: dict[int, tuple[float, bool]] = field(default_factory=dict)
    # How long the rounds of runs waited for their next request, and whether something was newly folded in that.
    between: list[tuple[float, bool]] = field(default_factory=list)


@dataclass
class Progress:
    """How far a conversation is: its round in this turn, what it has looked for, and all that was said so far in tokens."""

    conversation: Conversation
    heard: Heard = field(default_factory=Heard)
    turn: int = -1
    step: int = 0
    looks: Counter[str] = field(default_factory=Counter)
    direct: set[str] = field(default_factory=set)
    all_tokens: int = 0
    handles: set[str] = field(default_factory=set)
    pieces: set[bytes] = field(default_factory=set)
    replied_at: float = 0.0

    def tokens(self, text: str) -> int:
        return round(_estimated(text) * self.conversation.tokens_for_one)


@dataclass(frozen=True)
class Reply:
    text: str = ""
    calls: tuple[tuple[str, Mapping[str, str]], ...] = ()
    reasoning: str = ""
    is_cut: bool = False


class Model:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._all = {conversation.name: Progress(conversation) for conversation in conversations(plan)}
        self._openings = {
            turn.opening: (progress, number)
            for progress in self._all.values()
            for number, turn in enumerate(progress.conversation.turns)
        }
        pages = (
            page
            for progress in self._all.values()
            for turn in progress.conversation.turns
            for pages in turn.rounds
            for page in pages
        )
        self._pages = {page.name: page for page in pages}
        self._summaries, self._faults = Counter[str](), Counter[str]()
        self._summary_tokens = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            path, body = await requested(reader)
            if path.endswith("/chat/completions"):
                await self._complete(writer, body)
            elif path.endswith("/page"):
                self._read_page(writer, body[PAGE])
            elif path.endswith("/report"):
                _reply(writer, self._report())
            else:
                _reply(writer, {"data": [*self._models()]})
            await writer.drain()
        writer.close()

    def _models(self) -> Iterator[dict[str, Any]]:
        for context in self._plan.contexts:
            yield {"id": f"bench/listed-{context}", "context_length": context, "supported_parameters": ["tools"]}
            yield {"id": f"bench/silent-{context}", "supported_parameters": ["tools"]}

    def _report(self) -> dict[str, Any]:
        return {
            "conversations": {name: vars(progress.heard) for name, progress in self._all.items()},
            "summaries": dict(self._summaries),
            "faults": dict(self._faults),
            "summary_tokens": self._summary_tokens,
        }

    def _read_page(self, writer: asyncio.StreamWriter, name: str) -> None:
        page = self._pages.get(name)
        writer.write(
            HEAD % (200 if page else 404, b"text/plain; charset=utf-8") + (page.text if page else "No such page.").encode()
        )

    async def _complete(self, writer: asyncio.StreamWriter, body: Mapping[str, Any]) -> None:
        messages: Sequence[Mapping[str, Any]] = body["messages"]
        asked = next((message for message in reversed(messages) if message["role"] == "user"), {"content": ""})
        found = self._openings.get(_text_of(asked).partition("\n")[0])
        if not found:
            await self._summarize(writer, body)
            return
        progress, number = found
        text, tools = "\n".join(map(_text_of, messages)), [tool["function"]["name"] for tool in body.get("tools", ())]
        tokens = sum(progress.tokens(part) for part in _parts(body)) + PER_MESSAGE * len(messages)
        if tokens + int(body.get("max_tokens") or 0) > progress.conversation.context:
            progress.heard.refused += 1
            words = REFUSAL.format(most=progress.conversation.context, sent=tokens)
            _reply(writer, {"error": {"message": words, "type": "invalid_request_error", "code": "context_length_exceeded"}}, 400)
            return
        self._note(progress, number, body, text, tokens)
        reply = _next_reply(progress, text, {*tools} if body.get("tool_choice") != "none" else set())
        await _speak(writer, reply, body, tokens)
        progress.replied_at = time.monotonic()

    def _note(self, progress: Progress, number: int, body: Mapping[str, Any], text: str, tokens: int) -> None:
        """Notes a request that is answered, and what it would have been with everything in it."""
        heard, now, turn = progress.heard, time.monotonic(), progress.conversation.turns[number]
        new_handles = {*HANDLE_LINE.findall(text)} - progress.handles
        progress.handles |= new_handles
        if progress.turn != number:
            progress.turn, progress.step = number, 0
            progress.all_tokens += progress.tokens(turn.text)
            heard.came[number] = (now, bool(new_handles))
        else:
            heard.between.append((now - progress.replied_at, bool(new_handles)))
        heard.requests += 1
        heard.sent_tokens += tokens
        if progress.step <= len(turn.rounds):
            read = turn.rounds[progress.step - 1] if progress.step else ()
            progress.all_tokens += sum(progress.tokens(page.text) for page in read)
            heard.everything_tokens += progress.all_tokens
        whole = json.dumps([body.get("tools", []), *body["messages"]], ensure_ascii=False, sort_keys=True).encode()
        heard.chars += len(whole)
        heard.cached_chars += _cached(whole, progress.pieces)

    async def _summarize(self, writer: asyncio.StreamWriter, body: Mapping[str, Any]) -> None:
        """Writes what a summary has to keep, or fails in one of the ways that summaries fail."""
        text = "\n".join(map(_text_of, body["messages"]))
        number = sum(self._summaries.values())
        dice = random.Random(f"{self._plan.seed}/{hashlib.blake2b(text.encode()).hexdigest()}")
        fault = dice.choice(FAULTS) if dice.random() < self._plan.fault else ""
        self._summaries["failed" if fault else "written"] += 1
        self._faults[fault or "none"] += 1
        self._summary_tokens += estimate(text)
        kept = " ".join(self._kept_of(text)) or f"They talked about water, {number} times."
        if fault in ("429", "500"):
            _reply(writer, {"error": {"message": "Try again later.", "code": int(fault)}}, int(fault))
            return
        if fault in ("slow", "never"):
            await asyncio.sleep(SLOW_SECONDS if fault == "slow" else NEVER_SECONDS)
        reply = {
            "empty": Reply(),
            "reasoning": Reply(reasoning=kept),
            "cut": Reply(kept[: len(kept) // 2], is_cut=True),
            "language": Reply("川のほとりで長い話をしました。"),
            "longer": Reply(f"{text}\n{text}"),
        }.get(fault, Reply(kept))
        await _speak(writer, reply, body, estimate(text))

    def _kept_of(self, text: str) -> Iterator[str]:
        """Yields every rule and fact of a text, of the conversation that it is from."""
        progress = next((progress for opening, (progress, _) in self._openings.items() if opening in text), None)
        if progress:
            yield from (rule.text for turn in progress.conversation.turns for rule in turn.rules if rule.text in text)
            yield from (needle.sentence for needle in progress.conversation.needles if needle.sentence in text)


def _next_reply(progress: Progress, text: str, tools: set[str]) -> Reply:
    """Returns what the model says next in this turn: it reads its pages, looks for what it lacks, and answers."""
    turn = progress.conversation.turns[progress.turn]
    progress.step += 1
    if progress.step <= len(turn.rounds) and READING in tools:
        return Reply("", tuple((READING, {PAGE: page.name}) for page in turn.rounds[progress.step - 1]))
    found = [needle for needle in turn.asks if needle.value in text]
    progress.direct |= {needle.key for needle in found if not progress.looks[needle.key]}
    if RECALL in tools:
        for needle in turn.asks:
            handles = _handles_for(needle, text)
            if needle not in found and progress.looks[needle.key] < min(MOST_LOOKS, len(handles)):
                handle = handles[progress.looks[needle.key]]
                progress.looks[needle.key] += 1
                progress.heard.looks += 1
                # It writes down what it has found: that can be folded before it answers.
                noted = "\n".join(f"{one.key}: {one.value}" for one in found)
                return Reply(noted, ((RECALL, {"handle": handle, "about": needle.key}),))
    reply = _obeying(progress, turn, found, text)
    progress.all_tokens += progress.tokens(reply)
    return Reply(reply)


def _obeying(progress: Progress, turn: Turn, found: Sequence[Needle], text: str) -> str:
    """Returns the answer with what the request has the model do, and with what it doesn't keep it from."""
    words = " ".join(text.split())
    rules = progress.conversation.rules_at(progress.turn)
    begins = [rule.word for rule in rules if not rule.is_prohibition and rule.text in words]
    forbidden = [rule.word for rule in rules if rule.is_prohibition and rule.text not in words]
    asked = [f"{needle.key}: {needle.value if needle in found else UNKNOWN}" for needle in turn.asks]
    for needle in turn.asks:
        if needle not in found:
            progress.heard.missed.append(needle.sentence)
        elif needle.key in progress.direct:
            progress.heard.direct += 1
        else:
            progress.heard.recalled += 1
    return "\n".join(filter(None, (" ".join(begins), turn.answer, *asked, " ".join(forbidden)))) or "…"


def _handles_for(needle: Needle, text: str) -> list[str]:
    """Returns the handles to look behind: those whose line names it, then folds of messages, those that name it first."""
    wanted = needle.page or needle.key
    lines = [match for match in HANDLE_LINE.finditer(text) if wanted in match[0]]
    named = [match[1] for match in lines]
    heads = [*PARAGRAPH.finditer(text)]
    ends = [*(head.start() for head in heads[1:]), len(text)]
    paragraphs = [(wanted in text[head.start() : end], head[1]) for head, end in zip(heads, ends, strict=False)]
    paragraphs.sort(key=lambda paragraph: not paragraph[0])
    rest = [match[1] for match in HANDLE_LINE.finditer(text) if "calls" in match[0]]
    return [*dict.fromkeys([*named, *(handle for _, handle in paragraphs), *rest])]


def _cached(whole: bytes, pieces: set[bytes]) -> int:
    """Returns how much of a request an earlier one began with, and remembers this one."""
    begun, cached = hashlib.blake2b(digest_size=12), 0
    is_there = True
    for end in range(CACHED_CHARS, len(whole) + 1, CACHED_CHARS):
        begun.update(whole[end - CACHED_CHARS : end])
        mark = begun.copy().digest()
        is_there = is_there and mark in pieces
        cached = end if is_there else cached
        pieces.add(mark)
    return cached


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(str(part.get("text") or "") for part in content)


def _parts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yields all that a request contains as text."""
    for message in body["messages"]:
        yield _text_of(message)
        yield from (call["function"]["arguments"] for call in message.get("tool_calls") or ())
    yield from (json.dumps(tool) for tool in body.get("tools", ()))


@lru_cache(maxsize=20_000)
def _estimated(text: str) -> int:
    return estimate(text)


async def _speak(writer: asyncio.StreamWriter, reply: Reply, body: Mapping[str, Any], tokens: int) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": estimate(reply.text)}
    finish = "tool_calls" if reply.calls else "length" if reply.is_cut else "stop"
    if not body.get("stream"):
        message = {"content": reply.text, "reasoning": reply.reasoning}
        _reply(writer, {"choices": [{"message": message, "finish_reason": finish}], "usage": usage})
        return
    writer.write(HEAD % (200, b"text/event-stream"))
    if reply.reasoning:
        writer.write(event({"reasoning": reply.reasoning}))
    for start in range(0, len(reply.text), PIECE_CHARS):
        writer.write(event({"content": reply.text[start : start + PIECE_CHARS]}))
        await writer.drain()
    for number, (tool, arguments) in enumerate(reply.calls):
        id = f"call_{time.monotonic_ns()}_{number}"
        function = {"name": tool, "arguments": json.dumps(arguments, ensure_ascii=False)}
        writer.write(event({"tool_calls": [{"index": number, "id": id, "type": "function", "function": function}]}))
    writer.write(event({}, finish, usage) + b"data: [DONE]\n\n")


def _reply(writer: asyncio.StreamWriter, value: Any, status: int = 200) -> None:
    writer.write(HEAD % (status, b"application/json") + json.dumps(value).encode())


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("plan", type=Plan.read)
    chosen = parser.parse_args()
    server = await asyncio.start_server(Model(chosen.plan).answer, "127.0.0.1", chosen.port, limit=2**20, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
