"""/metrics: what is counted, who can read it, and that it names no person."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.api.client import Client, client_of
from tests.conftest import MakeApp, signed_in
from tests.engine.bench import Bench
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from tests.upstream.server import REFUSED
from webapp.base.errors import TooMany
from webapp.base.process.watchdog import WATCHDOG
from webapp.engine.engine import ENGINE
from webapp.engine.metric_events import Answered, Called, FellBack
from webapp.operations.health.metrics import MOST_SERVED, Metrics
from webapp.operations.health.worker_metrics import METRICS
from webapp.settings.service import set_setting
from webapp.streaming.events import Delta

__all__ = ["app"]
BUSY = {"status": 503, "json": {"error": {"message": "overloaded", "code": 503}}}
CUT = {"counted": 9, "cut_after": 0}
WHOLE = {"json": {"choices": [{"message": {"role": "assistant", "content": "In one piece"}, "finish_reason": "stop"}]}}
# The names in the OpenTelemetry conventions, with dots instead of underscores.
CONVENTIONS = {
    "gen_ai.client.operation.duration",
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.client.operation.time_per_output_chunk",
    "gen_ai.client.token.usage",
}

Read = Callable[[], dict[str, float]]


@pytest.fixture
def admin(app: Flask) -> Client:
    return client_of(app, signed_in(app, "owner@example.org", "owner").email, "admin")


@pytest.fixture
def text(admin: Client) -> Callable[[], str]:
    return lambda: admin.call("GET", "/metrics").get_data(as_text=True)


@pytest.fixture
def read(text: Callable[[], str]) -> Read:
    """Returns a function that reads every sample, by its name and labels as in the text."""
    return lambda: {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines(text())}


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def ended(bench: Bench, **more: str) -> None:
    id = bench.ask(**more)
    bench.until_ended(id)
    bench.until(lambda: id not in bench.engine.live)


def test_an_answer_is_counted_with_its_time_and_its_tokens(bench: Bench, fake: Upstream, app: Flask, read: Read) -> None:
    with app.app_context():
        set_setting("models.titles", "off")
    fake.behaves([{"says": "Hello there"}])
    ended(bench, person=bench.person())

    found = read()
    assert found['millrace_streams_total{kind="chat",outcome="completed"}'] == 1
    about = 'gen_ai_operation_name="chat",gen_ai_provider_name="openrouter",gen_ai_request_model="some/model"'
    (duration,) = [name for name in found if name.startswith("gen_ai_client_operation_duration_seconds_count")]
    assert about in duration
    assert 'error_type=""' in duration
    counts = {name.partition("{")[0]: value for name, value in found.items() if about in name and "_count" in name}
    assert counts["gen_ai_client_operation_time_to_first_chunk_seconds_count"] == 1


def test_tokens_are_counted_where_they_are_known(app: Flask, read: Read) -> None:
    heard(app, input_tokens=300, output_tokens=None)

    sums = {name: value for name, value in read().items() if name.startswith("gen_ai_client_token_usage_sum")}
    assert list(sums.values()) == [300]
    assert 'gen_ai_token_type="input"' in next(iter(sums))


def test_the_time_between_pieces_is_counted_for_each_but_the_first(app: Flask, read: Read) -> None:
    heard(app, gaps=(0.03, 5.0))

    told = {name.partition("{")[0]: value for name, value in read().items() if "time_per_output_chunk" in name}
    assert told["gen_ai_client_operation_time_per_output_chunk_seconds_count"] == 2
    assert told["gen_ai_client_operation_time_per_output_chunk_seconds_sum"] == 5.03


def test_an_answer_in_one_piece_has_no_first_chunk(bench: Bench, fake: Upstream, app: Flask, read: Read) -> None:
    with app.app_context():
        set_setting("stream.enabled", "false")
    fake.behaves([WHOLE])
    ended(bench, person=bench.person())

    names = {name.partition("{")[0] for name in read()}
    assert "gen_ai_client_operation_duration_seconds_count" in names
    assert "gen_ai_client_operation_time_to_first_chunk_seconds_count" not in names


def test_it_is_counted_when_everybody_had_to_wait(app: Flask, read: Read) -> None:
    WATCHDOG.of(app).note(0.4, "somewhere")
    WATCHDOG.of(app).note(0.5, "somewhere")

    assert read()["millrace_loop_held_total"] == 2
    assert read()["millrace_loop_held_seconds_total"] == 0.9


def test_free_threads_are_told(read: Read) -> None:
    for purpose in ("passwords", "reads", "computations"):
        assert read()[f'millrace_threads_free{{purpose="{purpose}"}}'] == 2
        assert read()[f'millrace_threads_lost{{purpose="{purpose}"}}'] == 0


def test_a_failure_says_why(bench: Bench, fake: Upstream, read: Read) -> None:
    fake.behaves([REFUSED])
    ended(bench, person=bench.person())

    found = read()
    assert found['millrace_streams_total{kind="chat",outcome="failed"}'] == 1
    assert [
        name for name in found if name.startswith("gen_ai_client_operation_duration_seconds_sum") and 'error_type="auth"' in name
    ]


@pytest.mark.slow
def test_a_step_to_another_model_is_counted(bench: Bench, fake: Upstream, app: Flask, read: Read) -> None:
    with app.app_context():
        set_setting("models.fallbacks", "other/model")
    fake.behaves([BUSY, BUSY, BUSY, {"says": "Hello"}])
    ended(bench, person=bench.person())

    assert read()['millrace_stream_fallbacks_total{from="some/model",reason="error",to="other/model"}'] == 1


@pytest.mark.slow
def test_a_step_to_the_whole_answer_is_counted(bench: Bench, fake: Upstream, read: Read) -> None:
    fake.behaves([CUT, CUT, CUT, WHOLE])
    ended(bench, person=bench.person())

    assert read()['millrace_stream_fallbacks_total{from="some/model",reason="cut",to="some/model"}'] == 1


def test_who_has_to_wait_is_counted(bench: Bench, fake: Upstream, app: Flask, read: Read) -> None:
    with app.app_context():
        set_setting("limits.streams_burst", "1")
        # One a minute: no test is as slow as that.
        set_setting("limits.streams_per_minute", "1")
    fake.says("Hello")
    person = bench.person()
    ended(bench, person=person)
    with pytest.raises(TooMany):
        bench.ask(person=person)

    assert read()['millrace_rate_limited_total{reason="per_minute"}'] == 1


@pytest.mark.slow
def test_it_shows_what_goes_on_now(bench: Bench, fake: Upstream, read: Read) -> None:
    fake.behaves([{"counted": 50, "stall_after": 20}])
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000020" in bench.said(id))

    found = read()
    assert found["millrace_streams_active"] == 1
    assert found["millrace_sse_connections"] == 0
    assert found["millrace_topics_buffered_bytes"] >= len(bench.said(id))
    assert found["process_resident_memory_bytes"] > 1_000_000


def test_the_format_is_the_one_of_prometheus(app: Flask, admin: Client, text: Callable[[], str]) -> None:
    heard(app)
    families = list(text_string_to_metric_families(text()))
    ours = {family.name for family in families if family.name.startswith(("millrace", "gen_ai"))}

    assert admin.call("GET", "/metrics").headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {name.removesuffix("_seconds").replace("_", ".") for name in ours if name.startswith("gen")} == {
        name.replace("_", ".") for name in CONVENTIONS
    }
    assert all(family.documentation.endswith(".") for family in families if family.name in ours)
    assert not [family.name for family in families if family.name.endswith("_created")]


@pytest.mark.slow
def test_buckets_are_those_of_the_conventions(app: Flask, text: Callable[[], str]) -> None:
    heard(app, input_tokens=1, gaps=(0.03,))
    bounds = {name: re.findall(rf'^gen_ai_client_{name}_bucket.*le="([^"]+)"', text(), re.MULTILINE) for name in BOUNDS}

    assert {name: (float(found[0]), float(found[-2]), len(found)) for name, found in bounds.items()} == BOUNDS


BOUNDS = {
    "operation_duration_seconds": (0.01, 81.92, 15),
    "operation_time_per_output_chunk_seconds": (0.01, 81.92, 15),
    "token_usage": (1, 67108864, 15),
}


def test_nobody_is_named(bench: Bench, fake: Upstream, text: Callable[[], str]) -> None:
    fake.says("canary-in-the-answer")
    person = bench.person()
    id = bench.ask("canary-in-the-question", person=person)
    bench.until_ended(id)

    found, lane = text(), bench.generation(id).lane.partition(":")[2]
    for secret in (person, id, lane, "ada", "example.org", "canary"):
        assert secret not in found, secret


def test_a_name_that_somebody_made_up_is_no_label(app: Flask, text: Callable[[], str]) -> None:
    heard(app, model_asked="ada@example.org", served="ada@example.org")
    ENGINE.of(app).emit(FellBack("ada@example.org", "some/model", "error"))

    assert "ada@" not in text()
    assert 'from="other"' in text()


@pytest.mark.slow
def test_a_server_that_makes_up_names_makes_no_end_of_series(app: Flask, text: Callable[[], str]) -> None:
    for number in range(MOST_SERVED + 50):
        heard(app, served=f"made-up-{number}")

    assert text().count("gen_ai_client_operation_duration_seconds_count") - 1 <= MOST_SERVED + 1


def test_every_application_counts_for_itself(make_app: MakeApp) -> None:
    one, two = make_app(), make_app()
    heard(one)

    counted = b'outcome="completed"} 1.0'
    assert counted in METRICS.of(one).text()
    assert counted not in METRICS.of(two).text()


def test_counters_with_known_labels_begin_at_zero(app: Flask, read: Read) -> None:
    found = read()
    for kind in ENGINE.of(app).kinds:
        for outcome in ("completed", "stopped", "interrupted", "failed"):
            assert found[f'millrace_streams_total{{kind="{kind}",outcome="{outcome}"}}'] == 0
    assert found['millrace_rate_limited_total{reason="server_full"}'] == 0
    assert found['millrace_retrieval_duration_seconds_count{outcome="late"}'] == 0
    assert found['millrace_call_duration_seconds_count{state="failed",tool="read_page"}'] == 0


def test_calls_are_counted_by_the_tools_that_come_with_it(app: Flask, read: Read) -> None:
    with app.app_context():
        for tool in ("read_page", "servers_name.secret"):
            ENGINE.of(app).emit(Called(tool, "done", 0.2))
    found = read()
    assert found['millrace_call_duration_seconds_count{state="done",tool="read_page"}'] == 1
    assert found['millrace_call_duration_seconds_count{state="done",tool="other"}'] == 1
    assert not [name for name in found if "secret" in name]


def test_it_is_for_admins_by_token_and_by_session(app: Flask, admin: Client) -> None:
    member = signed_in(app, "member@example.org", "member")

    assert admin.call("GET", "/metrics").status_code == 200
    assert signed_in(app, "boss@example.org", "admin").get("/metrics").status_code == 200
    assert member.get("/metrics").status_code == 403
    assert client_of(app, "owner@example.org", "read").call("GET", "/metrics").status_code == 403
    assert Client(app).call("GET", "/metrics").status_code == 401


def test_it_costs_the_same_however_many_answers_there_are(app: Flask) -> None:
    browser = signed_in(app, "owner@example.org", "owner")
    browser.get("/metrics")
    with browser.counting_statements() as asked:
        assert browser.get("/metrics").status_code == 200

    # The caller is looked up, but no answers are read.
    assert not [statement for statement in asked if "generations" in statement or "insight" in statement]


def test_a_text_that_goes_is_no_longer_held(app: Flask) -> None:
    topics = ENGINE.of(app).logs.topics
    topics.append("generation:x", Delta("a" * 1000))
    assert topics.buffered_bytes >= 1000
    topics.expire("generation:x", 0)

    assert topics.buffered_bytes == 0


def heard(app: Flask, **more: object) -> None:
    """Sends the event of an answer that has ended."""
    usual = {"kind": "chat", "status": "completed", "reason": "stop", "provider": "openrouter", "model_asked": "demo/quick"}
    values = {**usual, "served": "demo/quick", "seconds": 1.5, "first_chunk_seconds": 0.5, **more}
    ENGINE.of(app).emit(Answered(**values))


def test_nothing_is_shared_between_registries(app: Flask) -> None:
    assert Metrics(ENGINE.of(app), watchers=lambda: 3).text().count(b"millrace_sse_connections 3.0") == 1


def test_a_token_for_metrics_reads_nothing_else(app: Flask, admin: Client) -> None:
    scraper = client_of(app, "owner@example.org", "metrics")

    assert scraper.call("GET", "/metrics").status_code == 200
    for path in ("/chats", "/settings", "/budgets", "/insights/summary"):
        assert scraper.call("GET", path).status_code == 403
