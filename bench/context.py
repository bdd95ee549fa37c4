"""Long chats and long runs against a model that obeys what it was sent: what is kept when they outgrow its context."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.browsing import Browser, Owner
from bench.context_model import READING
from bench.context_world import Conversation, Plan, conversations
from bench.counted_run import Api, Findings
from bench.recover import KEYS, Killed
from bench.servers import LINK, UNLIMITED, Server, environ_of, flask, free_port
from bench.verdict import Bar, Verdict

APP = ("-m", "gunicorn", "--config", "gunicorn.conf.py", "bench.context_app:app")
# What a run of 60 rounds needs, with looks behind handles.
LIMITS: Mapping[str, int | str] = {
    "tools.rounds": 100,
    "tools.calls": 1_000,
    "tools.chars": 10**8,
    "tools.seconds": 0,
    "models.titles": "off",
}
AT_ONCE, LOOK_SECONDS, STUCK_SECONDS = 4, 0.02, 120.0
IN_PROGRESS = ("queued", "running", "waiting")
LEFT_OUT = "fitted"
MOST_TOKENS, LEAST_CACHED, LEAST_ANSWERED = 35.0, 80.0, 98.0
# What is sent is bounded where everything would on average be so many contexts: less was said in shorter conversations.
OUTGROWN = 2.0
Say = Callable[[str], None]


@dataclass
class Seen:
    """What the driver has seen of one conversation; `asked_at` is when each turn was sent."""

    conversation: Conversation
    asked_at: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    left_out: int = 0
    answers: int = 0
    kept: int = 0
    rules: int = 0
    broken: list[str] = field(default_factory=list)
    folds: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Line:
    """One line of the table: the conversations of one kind in one context."""

    name: str
    seen: Sequence[Seen]
    heard: Sequence[Mapping[str, Any]]

    def total(self, name: str) -> int:
        return sum(heard[name] for heard in self.heard)

    @property
    def errors(self) -> list[str]:
        return [error for seen in self.seen for error in seen.errors]

    @property
    def left_out(self) -> int:
        return sum(seen.left_out for seen in self.seen)

    @property
    def rules_percent(self) -> float:
        return _percent(sum(seen.kept for seen in self.seen), sum(seen.rules for seen in self.seen))

    @property
    def asked(self) -> int:
        return self.total("direct") + self.total("recalled") + sum(len(heard["missed"]) for heard in self.heard)

    @property
    def answered_percent(self) -> float:
        return _percent(self.total("direct") + self.total("recalled"), self.asked)

    @property
    def direct_percent(self) -> float:
        return _percent(self.total("direct"), self.asked)

    @property
    def tokens_percent(self) -> float:
        return _percent(self.total("sent_tokens"), self.total("everything_tokens"))

    @property
    def cached_percent(self) -> float:
        return _percent(self.total("cached_chars"), self.total("chars"))

    @property
    def is_run(self) -> bool:
        return self.seen[0].conversation.is_run

    @property
    def is_outgrown(self) -> bool:
        contexts = self.total("requests") * self.seen[0].conversation.context
        return self.total("everything_tokens") >= OUTGROWN * contexts

    @property
    def folds(self) -> Counter[str]:
        return sum((seen.folds for seen in self.seen), Counter[str]())

    @property
    def waits(self) -> tuple[list[float], list[float]]:
        """How long requests took to come, in milliseconds: those with nothing new folded in them, and the others."""
        found: tuple[list[float], list[float]] = ([], [])
        for seen, heard in zip(self.seen, self.heard, strict=True):
            for turn, (came_at, is_folded) in heard["came"].items():
                found[is_folded].append((came_at - seen.asked_at[int(turn)]) * 1_000)
            for seconds, is_folded in heard["between"]:
                found[is_folded].append(seconds * 1_000)
        return found

    @property
    def lost_ms(self) -> tuple[float, float]:
        """What folds cost an answer in all, and the longest wait for one, in milliseconds beside requests without."""
        without, with_folds = self.waits
        usual = median(without) if without else 0.0
        answers = sum(seen.answers for seen in self.seen)
        lost = [max(0.0, wait - usual) for wait in with_folds]
        return sum(lost) / max(1, answers), max(lost, default=0.0)

    def cells(self) -> tuple[str, ...]:
        lost, longest = self.lost_ms
        return (
            str(sum(seen.answers for seen in self.seen)),
            str(len(self.errors)),
            str(self.total("refused")),
            str(self.left_out),
            f"{self.rules_percent:.1f}",
            f"{self.answered_percent:.1f}",
            f"{self.direct_percent:.1f}",
            f"{self.tokens_percent:.0f}",
            f"{self.cached_percent:.0f}",
            " ".join(f"{name} {count}" for name, count in sorted(self.folds.items())) or "-",
            f"{lost:.0f}",
            f"{longest:.0f}",
        )


WIDTHS = {
    "answers": 8,
    "errors": 7,
    "refused": 8,
    "left out": 9,
    "rules %": 8,
    "needles %": 10,
    "direct %": 9,
    "tokens %": 9,
    "cached %": 9,
    "folds": 44,
    "ms": 6,
    "longest": 8,
}
HEADING = f"{'':<14}" + "".join(f"{name:>{width}}" for name, width in WIDTHS.items())


def measure(plan: Plan, say: Say, *, database: str = "") -> Verdict:
    """Has all conversations, says one line for each kind of them, and judges those lines."""
    lines, report = measured(plan, database=database)
    say(HEADING)
    for line in lines:
        say(f"{line.name:<14}" + "".join(f"{cell:>{width}}" for cell, width in zip(line.cells(), WIDTHS.values(), strict=True)))
        for words in [*line.errors, *(words for seen in line.seen for words in seen.broken)][:10]:
            say(f"  {words}")
        for words in [words for heard in line.heard for words in heard["missed"]][:5]:
            say(f"  not found: {words}")
    if report["summaries"]:
        say(f"summaries: {report['summaries']}, faults: {report['faults']}")
    return judged(lines)


def judged(lines: Sequence[Line]) -> Verdict:
    return Verdict([bar for line in lines for bar in _bars(line)])


def _bars(line: Line) -> Iterator[Bar]:
    yield Bar(f"{line.name}: answers that ended in an error", len(line.errors), 0)
    yield Bar(f"{line.name}: answers for which something was left out", line.left_out, 0)
    yield Bar(f"{line.name}: rules not kept", round(100 - line.rules_percent, 2), 0, " %")
    yield Bar(f"{line.name}: needles not found", round(100 - line.answered_percent, 2), 100 - LEAST_ANSWERED, " %")
    # What a run has just read is new to every cache, however little else changes.
    most = None if line.is_run else 100 - LEAST_CACHED
    yield Bar(f"{line.name}: input that no cache has", round(100 - line.cached_percent, 2), most, " %")
    most = MOST_TOKENS if line.is_outgrown else None
    yield Bar(f"{line.name}: input tokens beside sending everything", round(line.tokens_percent, 2), most, " %")


def measured(plan: Plan, *, database: str = "") -> tuple[list[Line], dict[str, Any]]:
    """Has all conversations; returns a line for each kind, and what the model reports of summaries."""
    with _running(plan, database) as (link, model_url):
        seen, report = asyncio.run(_have_all(plan, link, model_url))
    lines = []
    for context in plan.contexts:
        for is_run, kind in ((False, "chats"), (True, "runs")):
            own = [one for one in seen if one.conversation.context == context and one.conversation.is_run == is_run]
            heard = [report["conversations"][one.conversation.name] for one in own]
            lines += [Line(f"{context // 1024}k {kind}", own, heard)] if own else []
    return lines, report


@contextmanager
def _running(plan: Plan, database: str) -> Iterator[tuple[str, str]]:
    """Starts the model and the server; yields the link of its owner, and the address of the model."""
    with TemporaryDirectory() as folder, TemporaryDirectory(dir=folder) as data_dir:
        port = free_port()
        model_url = f"http://127.0.0.1:{port}/api/v1"
        model = Server(["-m", "bench.context_model", str(port), str(plan)], Path(folder, "model.log"))
        try:
            model.until_open(f"{model_url}/models")
            environ = {**environ_of(data_dir, 50, model_url), **KEYS, **({"DATABASE_URL": database} if database else {})}
            environ["OPENROUTER_MODEL"] = f"bench/listed-{plan.contexts[0]}"
            link = LINK.search(flask(environ, "prepare"))
            settings = Killed(Path(folder), environ, database or f"sqlite:///{data_dir}/millrace.sqlite3")
            settings.set({**dict.fromkeys(UNLIMITED, 0), **LIMITS})
            settings.close()
            product = Server(APP, Path(folder, "product.log"), environ=environ)
            try:
                product.until_open(f"http://127.0.0.1:{environ['PORT']}/healthz")
                yield link[0] if link else "", model_url
            finally:
                product.end()
        finally:
            model.end()


async def _have_all(plan: Plan, link: str, model_url: str) -> tuple[list[Seen], dict[str, Any]]:
    owner, findings = Owner(link), Findings()
    await owner.come()
    api, all_seen = Api(owner, findings), [Seen(conversation) for conversation in conversations(plan)]
    left = iter(all_seen)

    async def one_after_another() -> None:
        for seen in left:
            await _have(api, seen)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())
    _, report = await Api(Browser(model_url), findings).ask("GET", "/report")
    return all_seen, report


async def _have(api: Api, seen: Seen) -> None:
    """Has one conversation, to its end or to its first error."""
    conversation = seen.conversation
    begin = {"model": conversation.model, "tools": [READING] if conversation.is_run else []}
    _, chat = await api.ask("POST", "/chats", begin)
    chat_id = chat.get("id") or chat["chat"]["id"]
    for number, turn in enumerate(conversation.turns):
        seen.asked_at.append(time.monotonic())
        status, sent = await api.ask("POST", f"/chats/{chat_id}/messages", {"message": turn.text})
        if status >= 300:
            seen.errors.append(f"{conversation.name}, turn {number + 1}: {status} {sent}")
            return
        message = await _ended(api, sent["message_id"])
        generation = message["generation"]
        seen.answers += 1
        seen.left_out += sum(notice["code"] == LEFT_OUT for notice in generation["notices"])
        if message["status"] != "completed":
            words = f"{message['status']} ({generation['reason']}) {generation['error']}"
            seen.errors.append(f"{conversation.name}, turn {number + 1}: {words}")
            return
        for rule in conversation.rules_at(number):
            is_kept = rule.is_kept_in(message["content"])
            seen.rules += 1
            seen.kept += is_kept
            seen.broken += [] if is_kept else [f"{conversation.name}, turn {number + 1} doesn't keep: {rule.text}"]
    _, listed = await api.ask("GET", f"/chats/{chat_id}/folds")
    seen.folds.update(f"{fold['kind']}/{fold.get('made_by', '?')}" for fold in listed["folds"])


async def _ended(api: Api, id: str) -> dict[str, Any]:
    until = time.monotonic() + STUCK_SECONDS
    while True:
        _, message = await api.ask("GET", f"/messages/{id}")
        if message["status"] not in IN_PROGRESS or message["status"] == "waiting" or time.monotonic() > until:
            found: dict[str, Any] = message
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 100.0
