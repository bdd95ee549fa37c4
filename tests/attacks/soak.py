"""Many concurrent answers from an upstream that fails in every way it can: `python -m tests.attacks.soak [--requests N]`."""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402  the patch must come first
import gc  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from flask_migrate import upgrade  # noqa: E402
from gevent.pool import Pool  # noqa: E402

from tests.support.starved import Starved  # noqa: E402
from tests.upstream.handle import Upstream  # noqa: E402
from webapp.app import create_app  # noqa: E402
from webapp.base.config import ROOT, load  # noqa: E402
from webapp.base.db import db  # noqa: E402
from webapp.chat.messages import sending  # noqa: E402
from webapp.chat.record.tables import Message  # noqa: E402
from webapp.engine.engine import ENGINE, Engine  # noqa: E402
from webapp.engine.tables import Generation, JournalRow  # noqa: E402
from webapp.people.accounts import service as accounts  # noqa: E402
from webapp.settings.service import set_setting  # noqa: E402
from webapp.streaming.events import Ended  # noqa: E402

FAILING = 0.3
TOKENS = 30
# Each model has a circuit breaker, which opens after five failures in a row: with this many, no single one decides the result.
MODELS = 250
SECONDS = {"stream.first_byte_seconds": 1, "stream.ladder_seconds": 4, "stream.stall_seconds": 1, "stream.total_seconds": 8}
LATE_SECONDS = 1.0
# A generation that has not ended by then never will.
PATIENCE_SECONDS = 90.0
UNLIMITED = ("limits.streams_per_minute", "limits.concurrent_streams", "limits.made_per_minute", "limits.connections_per_address")
WHOLE = " ".join(f"w{number:06}" for number in range(1, TOKENS + 1))
SAID = "no proper words"


def _refusal(status: int, **headers: str) -> dict[str, object]:
    return {"status": status, "headers": headers, "json": {"error": {"code": status, "message": f"refused with {status}"}}}


FAULTS: list[dict[str, object]] = [
    *(_refusal(status) for status in (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)),
    _refusal(429, **{"Retry-After": "1"}),
    _refusal(429, **{"Retry-After": "86400"}),
    _refusal(302, Location="http://127.0.0.1:9/"),
    {"html": "<!doctype html><title>502</title>", "status": 502},
    {"html": "<!doctype html><title>Welcome</title>"},
    {"text": "no", "status": 500},
    {"text": SAID},
    {"json": {"error": {"message": "refused with success"}}},
    *({"counted": TOKENS, "cut_after": after, "cut": how} for after in (0, 1, 9, TOKENS) for how in ("fin", "rst")),
    *({"counted": TOKENS, "error_after": after, "error": {"code": 502, "message": "it broke"}} for after in (0, 9)),
    *({"counted": TOKENS, "stall_after": after} for after in (0, 9)),
    {"counted": TOKENS, "stall_after": 9, "stall_comments": 0.1},
    {"counted": TOKENS, "finish": None},
    {"counted": TOKENS, "finish": "error"},
    {"counted": TOKENS, "framing": "close", "cut_after": 9},
    {"steps": [{"send": "data: {nonsense\n\n" * 5}]},
    {"steps": [{"send": ""}]},
    {"steps": [{"send": "data: " + "x" * 50_000}, {"close": "rst"}]},
    {"raw": [{"hang": True}]},
    {"raw": [{"close": "rst"}]},
    {"raw": [{"send": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"}, {"close": "fin"}]},
    {"raw": [{"send": "not http at all\r\n\r\n"}, {"close": "fin"}]},
    {
        "raw": [
            {"send": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\nzz\r\n"},
            {"close": "fin"},
        ]
    },
]


@dataclass
class Tally:
    """The outcomes of all requests, and any leaked resources."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0
    left: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        return 1 - len(self.wrong) / max(1, sum(self.ends.values()))

    def lines(self) -> list[str]:
        ends = ", ".join(f"{count} {name}" for name, count in sorted(self.ends.items()))
        left = ", ".join(f"{name} {count}" for name, count in self.left.items())
        return [
            f"{ends}; {self.share:.2%} as they should, the longest {self.slowest:.1f} s, all {self.seconds:.1f} s",
            left,
            *self.wrong[:20],
        ]


def outlived(ended: Generation, late_seconds: float) -> str:
    """Names the timeout that an answer exceeded by more than `late_seconds`; the time between its words is negligible."""
    if not ended.started_at or not ended.ended_at:
        return "has no end"
    first_text_at = ended.first_text_at or ended.ended_at
    spans = {
        "stream.first_byte_seconds": max(
            (attempt["seconds"] for attempt in ended.attempts if attempt["how"] == "stream"), default=0.0
        ),
        "stream.ladder_seconds": (first_text_at - ended.started_at).total_seconds(),
        "stream.stall_seconds": (ended.ended_at - first_text_at).total_seconds(),
        "stream.total_seconds": (ended.ended_at - ended.created_at).total_seconds(),
    }
    late = {name: seconds for name, seconds in spans.items() if seconds > SECONDS[name] + late_seconds}
    return ", ".join(f"{name} took {seconds:.1f} s" for name, seconds in late.items())


class Soak:
    """One user who sends request after request, a given number at a time."""

    def __init__(
        self, app: Flask, fake: Upstream, *, seed: int, late_seconds: float = LATE_SECONDS, starved: Starved | None = None
    ) -> None:
        """With `starved`, time in which this process was given no processor is not counted as late."""
        self._app, self._fake, self._chance, self._late_seconds = app, fake, random.Random(seed), late_seconds
        self._starved = starved or Starved()
        self._engine: Engine = ENGINE.of(app)
        with app.app_context():
            self._person = accounts.add_user("soak@example.org", "member", "a quiet river at night").id
            for name in UNLIMITED:
                set_setting(name, "0")
            for name, seconds in SECONDS.items():
                set_setting(name, str(seconds))
        self.tally = Tally()

    def run(self, requests: int, at_once: int) -> Tally:
        self._fake.always({"counted": TOKENS, "pace": 0.001})
        self._fake.behaves([self._behaviour() for _ in range(requests * 3)])
        before, started = self._left(), time.monotonic()
        pool = Pool(at_once)
        for number in range(requests):
            pool.spawn(self._one, number)
        pool.join()
        self.tally.seconds = time.monotonic() - started
        self._settle(before)
        return self.tally

    def _behaviour(self) -> dict[str, object]:
        if self._chance.random() < FAILING:
            return self._chance.choice(FAULTS)
        return {"counted": TOKENS, "pace": 0.001}

    def _one(self, number: int) -> None:
        with self._app.app_context():
            id = sending.start_chat(f"Request {number}", owner_id=self._person, model=f"some/model-{number % MODELS}").id
        started = time.monotonic()
        while id in self._engine.live and time.monotonic() - started < PATIENCE_SECONDS:
            gevent.sleep(0.02)
        now = time.monotonic()
        self.tally.slowest = max(self.tally.slowest, now - started)
        late_seconds = self._late_seconds + self._starved.seconds(started, now)
        with self._app.app_context():
            ended = db.session.get_one(Generation, id)
            if wrong := self._judged(ended) or outlived(ended, late_seconds):
                self.tally.wrong.append(f"{number}: {wrong}")

    def _judged(self, ended: Generation) -> str:
        """Returns what is wrong with an outcome; empty for a complete answer or a truthful error with exactly one end."""
        self.tally.ends[ended.status] += 1
        text = db.session.get_one(Message, ended.message_id).content
        events = [entry.event for entry in self._engine.logs.topics.read(f"generation:{ended.id}", 0)]
        ends = [event for event in events if isinstance(event, Ended)]
        if len(ends) != 1 or events[-1] != ends[0] or ends[0].status != ended.status:
            return f"{len(ends)} ends, the last event is {events[-1:]}"
        is_whole, is_part = text == WHOLE, WHOLE.startswith(text)
        has_words = bool(ended.error) and "Traceback" not in ended.error and "went wrong:" not in ended.error
        is_honest = {
            "completed": is_whole,
            "interrupted": is_part and bool(text) and (has_words or bool(ended.reason)),
            "failed": not text and has_words,
        }.get(ended.status, False)
        return "" if is_honest else f"{ended.status}, {ended.reason}, {ended.error!r}, {text[:40]!r}"

    def _settle(self, before: dict[str, int], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while (left := self._left()) != before and time.monotonic() < deadline:
            gevent.sleep(0.1)
        self.tally.left = {name: count - before[name] for name, count in left.items()}

    def _left(self) -> dict[str, int]:
        gc.collect()
        with self._app.app_context():
            journal = len(db.session.scalars(db.select(JournalRow.generation_id)).all())
            active = len(db.session.scalars(db.select(Generation.id).where(Generation.status.in_(("queued", "running")))).all())
        logs = self._engine.logs.topics._logs.values()  # type: ignore[attr-defined]  there is no other way to ask
        with self._app.app_context():
            checked_out = db.engine.pool.checkedout()  # type: ignore[attr-defined]
        return {
            "live runs": len(self._engine.live),
            "active rows": active,
            "journal rows": journal,
            "waiting signals": sum(len(log.waiting) for log in logs),
            "connections in use": checked_out,
            "greenlets": sum(isinstance(object, gevent.Greenlet) and not object.dead for object in gc.get_objects()),
        }


@contextmanager
def stage(fake: Upstream) -> Iterator[Flask]:
    """Yields an application on a temporary database."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {"SECRET_KEY": "for-the-soak-alone-and-nothing-else", "ENCRYPTION_KEY": "t" * 43 + "="}
        app = create_app(load({**keys, **fake.environ, "DATA_DIR": folder}))
        with app.app_context():
            upgrade(str(ROOT / "migrations"))
        yield app
        ENGINE.of(app).finish(seconds=2)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    chosen = parser.parse_args(arguments)
    fake = Upstream()
    with stage(fake) as app:
        tally = Soak(app, fake, seed=chosen.seed).run(chosen.requests, chosen.at_once)
    fake.close()
    print("\n".join([f"seed {chosen.seed}", *tally.lines()]))
    return 0 if tally.share >= 0.999 and not any(count > 0 for count in tally.left.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
