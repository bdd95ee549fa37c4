"""Nearly a third of the provider's replies fail, in every way, while many people ask simultaneously."""

from collections import Counter
from random import Random
from typing import Any

import gevent
import pytest
from gevent.pool import Pool
from prometheus_client.parser import text_string_to_metric_families

from tests.engine.bench import Bench
from tests.engine.test_ladder import BUSY, CREDIT, CUT, ERROR_INSIDE, RATE, UNKNOWN
from tests.support.people import user_with_password
from tests.upstream.handle import Upstream
from webapp.engine.tables import Generation
from webapp.operations.health.worker_metrics import METRICS
from webapp.settings.service import set_setting

FINE = {"says": "All is well."}
PAGE = {"status": 502, "text": "<h1>Bad gateway</h1>"}
BROKEN = {"counted": 9, "cut_after": 3}
FAULTS = (BUSY, PAGE, RATE, CREDIT, UNKNOWN, CUT, ERROR_INSIDE, BROKEN)
STEPS = ("fallback", "whole")


def script(requests: int) -> list[dict[str, Any]]:
    """Returns the upstream's replies, 30 % of which fail."""
    luck = Random(30)
    return [luck.choice(FAULTS) if luck.random() < 0.3 else FINE for _ in range(requests)]


def asked(bench: Bench, answers: int, at_once: int) -> list[str]:
    with bench.app.app_context():
        people = [user_with_password(f"p{n}@example.org", "member").id for n in range(at_once)]

    def ask(number: int) -> str:
        id = bench.ask(f"Question {number}", person=people[number % at_once])
        # Whatever fails, the ladder ends within its time limit, which is set below.
        bench.until_ended(id, 120)
        return id

    pool = Pool(at_once)
    with gevent.Timeout(1200, AssertionError("something hangs")):
        return list(pool.imap(ask, range(answers)))


def counted_steps(bench: Bench) -> float:
    families = text_string_to_metric_families(METRICS.of(bench.app).text().decode())
    return sum(
        sample.value for family in families for sample in family.samples if sample.name == "millrace_stream_fallbacks_total"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("answers", "at_once"), [(20, 10), pytest.param(1000, 50, marks=pytest.mark.deep)])
def test_every_request_ends_in_an_answer_or_in_a_sentence(bench: Bench, fake: Upstream, answers: int, at_once: int) -> None:
    with bench.app.app_context():
        for name, value in (("models.fallbacks", "other/model"), ("stream.ladder_seconds", "60")):
            set_setting(name, value)
        for name in ("streams_per_minute", "streams_burst", "concurrent_streams"):
            set_setting(f"limits.{name}", "1000")
    fake.behaves(script(answers * 6))
    fake.always(FINE)

    found = [bench.generation(id) for id in asked(bench, answers, at_once)]

    assert len(found) == answers
    ends = Counter(generation.status for generation in found)
    assert ends.keys() <= {"completed", "failed", "interrupted"}
    assert ends["completed"] > answers / 2
    for generation in found:
        check(bench, generation)
    # Metrics that are reported after an end can be a little later than the end.
    steps = sum(notice["code"] in STEPS for answer in found for notice in answer.notices)
    bench.until(lambda: not bench.engine.live)
    assert counted_steps(bench) == steps
    assert bench.journal_rows() == 0


def check(bench: Bench, one: Generation) -> None:
    """Asserts that it has a text or an error, and a notice for each step of the ladder, with the attempt before it."""
    said = bench.message(one.id).content
    assert bool(said) == (one.status != "failed")
    assert bool(one.error) == (one.status != "completed")
    steps = [notice for notice in one.notices if notice["code"] in (*STEPS, "retry")]
    assert all(notice["message"] for notice in steps)
    assert len(one.attempts) >= len(steps)
