"""/admin/health and `flask check` report the same state of the system, in the same words."""

import json
import os
import re
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade

from tests.conftest import KEYS, MakeApp, signed_in
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.upstream.handle import Upstream as Fake
from tests.upstream.server import REFUSED
from webapp.base.config import ROOT
from webapp.base.heavy.threads import READS
from webapp.base.process.watchdog import WATCHDOG
from webapp.base.words import size
from webapp.engine.engine import ENGINE
from webapp.engine.state.circuit import FAILURES, Circuits
from webapp.operations.health import views as health_views
from webapp.streaming.codec import SseDecoder
from webapp.streaming.events import Delta


def connected(make_app: MakeApp, fake: Fake, **environ: str) -> Flask:
    return make_app(OPENROUTER_API_KEY="sk-or-v1-0123456789abcdef", OPENROUTER_BASE_URL=fake.base_url, **environ)


@also_on_postgres
def test_it_says_how_everything_stands(owner: Browser) -> None:
    page = owner.page("/admin/health")

    assert page.heading == "Health"
    for words in ("Writable, in", "up to date.", "PUBLIC_URL is not set", "free on the disk", "Python 3.", "gevent"):
        assert page.says(words), words
    assert page.says("0 open (limit 64)")
    assert page.says("0 running (limit 100)")
    assert page.says("No key.")


def test_it_says_when_everybody_had_to_wait(app: Flask, owner: Browser) -> None:
    assert owner.page("/admin/health").says("Nothing has blocked the server for long.")

    WATCHDOG.of(app).note(0.4, "somewhere")

    assert owner.page("/admin/health").says("1 time since the start, 0.4 seconds in total.")


def test_it_says_which_threads_are_free_and_whether_one_is_lost(owner: Browser) -> None:
    assert owner.page("/admin/health").says("2 of 2 for passwords, 2 of 2 for reads, 2 of 2 for computations.")

    READS.lost += 1
    try:
        assert owner.page("/admin/health").says("1 thread didn't come back.")
    finally:
        READS.lost -= 1


def test_without_javascript_only_the_verdict_is_missing_and_it_says_why(owner: Browser) -> None:
    assert "This test needs JavaScript" in owner.page("/admin/health").one(".without-js").text()


def test_the_pieces_are_numbered_and_stamped(owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_views, "PAUSE_SECONDS", 0)
    answer = owner.get("/admin/health/stream")

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["X-Accel-Buffering"] == "no"
    pieces = [json.loads(event.data) for event in SseDecoder().feed(answer.text.encode())]
    assert [piece["number"] for piece in pieces] == list(range(1, 13))
    assert sorted(piece["at"] for piece in pieces) == [piece["at"] for piece in pieces]


def test_a_connection_is_tested_from_there(make_app: MakeApp, fake: Fake) -> None:
    owner = signed_in(connected(make_app, fake), "owner@example.org", "owner")
    assert owner.page("/admin/health").says("Not tested yet.")

    assert owner.page("/admin/health").press(f"Test {fake.host}").says("Tested just now.")
    fake.behaves([REFUSED], at="/key")
    page = owner.page("/admin/health").press(f"Test {fake.host}")
    assert len(page.all(".fact--bad")) == 1


def test_the_memory_of_the_process_is_told(app: Flask, owner: Browser) -> None:
    ENGINE.of(app).logs.topics.append("generation:x", Delta("a" * 5000))

    words = next(
        element.text() for element in owner.page("/admin/health").all("dd") if "used for the text of answers" in element.text()
    )
    assert re.search(r"\d [MG]B; [45] KB of it used for the text of answers\.", words)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"DEBUG": "chat"}, "Detailed logging: chat, without the text of answers."),
        ({"DEBUG": "plan,chat", "LOG_CONTENT": "1"}, "Detailed logging: chat, plan. It includes the text of answers."),
    ],
)
def test_a_log_in_detail_is_pointed_out(make_app: MakeApp, environ: dict[str, str], words: str) -> None:
    app = make_app(**environ)

    assert signed_in(app, "owner@example.org", "owner").page("/admin/health").says(words)
    assert words in app.test_cli_runner().invoke(args=["check"]).output


@pytest.mark.parametrize(("code", "words"), [("error", "It failed several times"), ("rate", "Its provider is rate limiting")])
def test_a_paused_model_is_named_with_its_reason(app: Flask, owner: Browser, code: str, words: str) -> None:
    circuits = ENGINE.of(app).circuits = Circuits(lambda: 0.0)
    for _ in range(FAILURES):
        circuits.failed("some/model", code)

    page = owner.page("/admin/health")
    assert page.says("Model")
    assert page.says("Paused for 5 more seconds.")
    assert page.says(words)


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("environ", "headers", "words"),
    [
        ({"PUBLIC_URL": "https://chat.example.org"}, {}, "Links you share point to https://chat.example.org"),
        ({}, {"X-Forwarded-For": "10.0.0.9"}, "There is a proxy in front of this server that TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "127.0.0.1"}, {"X-Forwarded-For": "10.0.0.9"}, "Your address is 10.0.0.9"),
        (
            {"TRUSTED_PROXIES": "127.0.0.1"},
            {"X-Forwarded-For": "10.0.0.9", "X-Forwarded-Proto": "https"},
            "The page uses https, but",
        ),
        ({"PUBLIC_URL": "http://localhost"}, {}, "without https"),
    ],
)
def test_it_says_what_the_request_shows(make_app: MakeApp, environ: dict[str, str], headers: dict[str, str], words: str) -> None:
    app = make_app(**environ)
    owner = signed_in(app, "owner@example.org", "owner")
    if "https" in environ.get("PUBLIC_URL", ""):
        owner.client.set_cookie("__Host-millrace", owner.cookie("millrace") or "", secure=True)
        owner.origin = "https://localhost"

    page = owner.get("/admin/health", headers=headers)

    assert page.says(words)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("path", ["/admin/health", "/admin/health/stream"])
def test_it_is_for_admins_alone(path: str, member: Browser, visitor: Browser) -> None:
    assert member.get(path).status_code == 403
    assert visitor.get(path).location.startswith("/login")
    assert member.post("/admin/health/openrouter/test").status_code == 403


# The command


@also_on_postgres
def test_the_command_asks_every_connection_and_says_the_same(make_app: MakeApp, fake: Fake, migrated: dict[str, str]) -> None:
    result = connected(make_app, fake).test_cli_runner().invoke(args=["check"])

    assert result.exit_code == 0, result.output
    for words in (
        "Database\n",
        "Writable, in",
        "Tested just now.",
        "Encryption key: ",
        "PUBLIC_URL is not set",
        "free on the disk",
    ):
        assert words in result.output, words
    assert KEYS["ENCRYPTION_KEY"] not in result.output


def test_the_command_fails_when_something_is_broken(make_app: MakeApp, fake: Fake) -> None:
    fake.behaves([REFUSED], at="/key")

    result = connected(make_app, fake).test_cli_runner().invoke(args=["check"])

    assert result.exit_code == 1
    assert f"BAD {fake.host}: " in result.output


@pytest.mark.slow
def test_the_command_says_so_when_the_database_is_old_or_away(app: Flask, make_bare_app: MakeApp, tmp_path: Path) -> None:
    away = make_bare_app(DATABASE_URL=f"sqlite:///{tmp_path}/no/such/folder/db.sqlite3").test_cli_runner().invoke(args=["check"])
    assert away.exit_code == 1
    assert "BAD SQLite: The database file can't be opened." in away.output
    with app.app_context():
        downgrade(str(ROOT / "migrations"), revision="base")
    old = app.test_cli_runner().invoke(args=["check"])
    assert old.exit_code == 1
    assert "flask prepare" in old.output


def test_an_old_copy_is_noticed(app: Flask, owner: Browser, tmp_path: Path) -> None:
    assert owner.page("/admin/health").says("No backup found.")
    copy = tmp_path / "backups" / "of-november.sqlite3"
    copy.parent.mkdir()
    copy.write_bytes(b"")
    os.utime(copy, (1_700_000_000, 1_700_000_000))
    assert owner.page("/admin/health").says("Last backup: 14 Nov 2023.")


def test_a_backup_counts_wherever_it_lies_and_what_was_put_aside_does_not(app: Flask, owner: Browser, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    for why in ("before-migration", "before-restore"):
        (tmp_path / "backups" / f"{why}-20261120.sqlite3").write_bytes(b"")
    page = owner.page("/admin/health")
    assert page.says("No backup found.")
    assert "`" not in page.one("main").text()

    (tmp_path / "another disk").mkdir()
    app.test_cli_runner().invoke(args=["backup", str(tmp_path / "another disk" / "copy")])

    assert owner.page("/admin/health").says("Last backup: just now.")


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (340_000, "332 KB"), (5_000_000, "4.8 MB"), (3e11, "279 GB")]
)
def test_sizes_are_written_as_people_do(count: float, words: str) -> None:
    assert size(count) == words
