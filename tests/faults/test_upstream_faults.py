"""Every fault of an upstream before and after the first word, many at a time: each answer ends as promised, and in time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import gevent
import pytest
from gevent.pool import Pool

from tests.engine.bench import Bench
from tests.support.people import user_with_password
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.engine.tables import Generation
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.service import ConnectionInput
from webapp.settings.service import set_setting

__all__ = ["app"]
FIRST_BYTE, STALL, LADDER = 2.0, 2.0, 5.0
# The keeper looks once a second, and a busy machine can be slow to run what is due.
LATE = 10.0
PEOPLE, AT_ONCE = 20, 40
WORDS = {"counted": 9, "pace": 0.02}
TEXT = " ".join(f"w{number:06d}" for number in range(1, 10))
START = "w000001 w000002 w000003 "


@dataclass(frozen=True)
class Case:
    """A fault, its end without another model, and how long that may take. `kept` is the text that stays."""

    words: str
    behaviour: dict[str, Any]
    status: str
    reason: str
    seconds: float = 0.0
    kept: str = ""
    # Whether another model is asked, as nothing has been sent yet.
    is_followed: bool = True

    def __str__(self) -> str:
        return self.words


def refusal(status: int, **headers: str) -> dict[str, Any]:
    return {"status": status, "headers": headers, "json": {"error": {"code": status, "message": f"refused with {status}"}}}


def fine(words: str, behaviour: dict[str, Any], seconds: float = 1.0) -> Case:
    return Case(words, behaviour, "completed", "stop", seconds, TEXT, is_followed=False)


def broken(words: str, behaviour: dict[str, Any], reason: str, seconds: float = 1.0) -> Case:
    return Case(words, {**WORDS, **behaviour}, "interrupted", reason, seconds, START, is_followed=False)


def failed(words: str, behaviour: dict[str, Any], reason: str, seconds: float = 1.0, *, is_followed: bool = True) -> Case:
    return Case(words, behaviour, "failed", reason, seconds, is_followed=is_followed)


CASES = (
    fine("no fault", WORDS),
    fine("a slow start", {**WORDS, "delay": 0.5}),
    fine("cut before the first word", {**WORDS, "cut_after": 0}),
    fine("reset before the first word", {**WORDS, "cut_after": 0, "cut": "rst"}),
    fine("an error before the first word", {**WORDS, "error_after": 0}),
    fine("a stream that stays silent", {**WORDS, "stall_after": 0}, FIRST_BYTE),
    fine("a stream of comments", {**WORDS, "stall_after": 0, "stall_comments": 0.1}, FIRST_BYTE),
    broken("cut in the middle", {"cut_after": 3}, "cut"),
    broken("reset in the middle", {"cut_after": 3, "cut": "rst"}, "cut"),
    broken("an error in the middle", {"error_after": 3}, "error"),
    broken("silence in the middle", {"stall_after": 3}, "stall", STALL),
    broken("comments in the middle", {"stall_after": 3, "stall_comments": 0.1}, "stall", STALL),
    failed("a head and no more", {"steps": [{"hang": True}]}, "stall", LADDER),
    failed("no head", {"raw": [{"hang": True}]}, "stall", LADDER),
    failed("a closed connection", {"raw": [{"close": "fin"}]}, "cut"),
    failed("a reset connection", {"raw": [{"close": "rst"}]}, "cut"),
    failed("500", refusal(500), "error"),
    failed("501", refusal(501), "error"),
    failed("503 for an hour", refusal(503, **{"Retry-After": "3600"}), "error"),
    failed("a page", {"html": "<!doctype html><title>502</title>", "status": 502}, "error"),
    failed("200 with a page", {"html": "<!doctype html><title>Welcome</title>"}, "invalid"),
    failed("200 with an error", {"json": {"error": {"code": 500, "message": "broken"}}}, "error"),
    failed("429", refusal(429), "rate", 3.0),
    failed("429 for a second", refusal(429, **{"Retry-After": "1"}), "rate", 2.0),
    failed("429 for an hour", refusal(429, **{"Retry-After": "3600"}), "rate"),
    failed("401", refusal(401), "auth"),
    failed("402", refusal(402), "credit"),
    failed("404", refusal(404), "invalid"),
    failed("an empty answer", {"says": ""}, "no_text"),
    failed("only thoughts", {"says": "", "reasoning": "Hm, well."}, "no_text", is_followed=False),
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("policy", ["off", "always"])
@pytest.mark.parametrize("answers", [len(CASES), pytest.param(200, marks=pytest.mark.deep)])
def test_every_answer_ends_as_promised_and_in_time(bench: Bench, fake: Upstream, answers: int, policy: str) -> None:
    slug = prepared(bench, fake, policy)
    cases = list(islice(cycle(CASES), answers))

    wrong = [
        words
        for case, ended in zip(cases, asked(bench, fake, slug, cases), strict=True)
        for words in faults(bench, case, ended, policy)
    ]

    assert wrong == []


def prepared(bench: Bench, fake: Upstream, policy: str) -> str:
    """Sets short limits, and adds a connection without a list of models, so that each answer can have a model of its own."""
    with bench.app.app_context():
        for name, seconds in (("first_byte", FIRST_BYTE), ("stall", STALL), ("ladder", LADDER)):
            set_setting(f"stream.{name}_seconds", str(int(seconds)))
        for name in ("streams_per_minute", "streams_burst", "concurrent_streams"):
            set_setting(f"limits.{name}", "1000")
        set_setting("demo.fallback", policy)
        slug = connections.create(
            "openai", ConnectionInput(name="Elsewhere", base_url=fake.base_url, default_model="one"), author=COMMAND_LINE
        )
        the_connections().forget()
    return slug


def asked(bench: Bench, fake: Upstream, slug: str, cases: list[Case]) -> list[Generation]:
    with bench.app.app_context():
        people = [user_with_password(f"p{number}@example.org", "member").id for number in range(PEOPLE)]

    def ask(number: int) -> Generation:
        question = f"{cases[number]} {uuid4().hex}"
        fake.beside(question, cases[number].behaviour)
        id = bench.ask(question, person=people[number % PEOPLE], model=f"{slug}:model-{number}")
        return bench.until_ended(id, 60)

    with gevent.Timeout(240, AssertionError("something hangs")):
        return list(Pool(AT_ONCE).imap(ask, range(len(cases))))


def faults(bench: Bench, case: Case, ended: Generation, policy: str) -> Iterator[str]:
    """Yields what is not as promised."""
    text, steps_in = bench.message(ended.id).content, policy == "always" and case.is_followed
    found, seconds = (ended.status, ended.reason), (ended.ended_at - ended.started_at).total_seconds()
    if found != (("completed", "stop") if steps_in else (case.status, case.reason)):
        yield f"{case}: {found}"
    if ended.is_demo != steps_in or (text != case.kept and not steps_in) or bool(ended.error) != (found[0] != "completed"):
        yield f"{case}: {text!r}, {ended.error!r}"
    if not steps_in and seconds > case.seconds + LATE:
        yield f"{case}: it took {seconds:.1f} s"
    # A refusal needs no patience: the demo begins within the time that a model has for its first word.
    most_seconds = LATE if case.reason in ("rate", "auth", "credit") else case.seconds + LATE
    if steps_in and (wait := (ended.first_text_at - ended.started_at).total_seconds()) > most_seconds:
        yield f"{case}: the demo began after {wait:.1f} s"
