"""Every error has a readable message: as a page, as a fragment, as problem+json."""

import logging

import pytest
from flask import Flask
from jinja2 import DictLoader
from sqlalchemy import text

from tests.support.browser import HTMX, Browser
from tests.web.conftest import APP_ERRORS, FAULTS
from webapp.base.db import db

FAULT_STATUS = {"bug": 500, "characters": 422}
REFUSALS = [kind for kind in APP_ERRORS if kind != "signed_out"]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_a_page_with_its_sentence_and_a_next_step(visitor: Browser, kind: str) -> None:
    page = visitor.get(f"/wrong/{kind}")

    error = APP_ERRORS[kind]
    assert page.status_code == error.status
    assert page.says(error.message)
    assert page.heading
    assert page.link("Go to the home page").attributes["href"] == "/"


def test_a_refusal_outside_a_form_does_not_speak_of_its_fields(visitor: Browser) -> None:
    assert visitor.get("/wrong/invalid").heading == "That didn't work"


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_a_toast_for_htmx(visitor: Browser, kind: str) -> None:
    fragment = visitor.htmx_get(f"/wrong/{kind}")

    error = APP_ERRORS[kind]
    assert fragment.status_code == error.status
    partial = fragment.one("hx-partial")
    assert (partial.attributes["hx-target"], partial.attributes["hx-swap"]) == ("#toasts", "beforeend")
    assert fragment.says(error.message)
    assert "HX-Request" in fragment.headers["Vary"]


@pytest.mark.parametrize("kind", APP_ERRORS)
def test_a_refusal_is_problem_json_for_a_program(program: Browser, kind: str) -> None:
    answer = program.get(f"/wrong/{kind}")

    error = APP_ERRORS[kind]
    assert answer.status_code == error.status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == error.status
    assert answer.json["detail"] == error.message
    assert answer.json["code"] == error.code
    assert answer.json["title"]
    assert answer.json["type"] == "about:blank"


def test_a_program_hears_what_runs_and_which_field_is_wrong(program: Browser) -> None:
    assert program.get("/wrong/busy").json["generation"] == "g7"
    assert program.get("/wrong/invalid").json["field"] == "message"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/nothing", {}),
        ("/nothing", {"Accept": "application/problem+json"}),
        ("/nothing", {"Accept": "application/json, text/html;q=0.5"}),
        ("/nothing", {"Accept": "*/*", "Content-Type": "application/json"}),
    ],
)
def test_a_program_is_known_by_its_path_by_what_it_accepts_or_sends(visitor: Browser, path: str, headers: dict[str, str]) -> None:
    assert visitor.get(path, headers=headers).json["code"] == "not_found"


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "text/event-stream", "nonsense"])
def test_everybody_else_gets_a_page(visitor: Browser, accept: str) -> None:
    assert visitor.get("/nothing", headers={"Accept": accept}).heading == "Not found"


def test_the_signed_out_are_led_to_the_door_and_back(visitor: Browser) -> None:
    page = visitor.get("/wrong/signed_out", query={"a": "1&2"})

    assert page.status_code == 303
    assert page.location == "/login?next=/wrong/signed_out%3Fa%3D1%25262"


def test_the_signed_out_are_not_led_back_into_a_post(visitor: Browser) -> None:
    assert visitor.post("/wrong/signed_out").location == "/login"


def test_the_signed_out_hear_it_where_they_are_with_htmx(visitor: Browser) -> None:
    fragment = visitor.htmx_post("/wrong/signed_out")

    assert fragment.status_code == 401
    assert fragment.link("Sign in").attributes["href"] == "/login"


def test_one_who_has_to_wait_hears_how_long(visitor: Browser) -> None:
    assert visitor.get("/wrong/too_many").headers["Retry-After"] == "9"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_ours_is_told_without_its_insides(visitor: Browser, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    status = FAULT_STATUS.get(kind, 503)

    for page in (
        visitor.get(f"/wrong/{kind}"),
        visitor.htmx_get(f"/wrong/{kind}"),
        visitor.get(f"/wrong/{kind}", headers={"Accept": "application/json"}),
    ):
        assert page.status_code == status
        for inside in ("secret", "Traceback", "SELECT", "INSERT", "QueuePool", "ZeroDivision"):
            assert inside not in page.text


def test_a_fault_is_logged_under_the_id_that_is_shown(program: Browser, caplog: pytest.LogCaptureFixture) -> None:
    answer = program.get("/wrong/bug")

    record = next(record for record in caplog.records if record.name == "web:errors")
    assert record.levelno == logging.ERROR
    assert record.fields == {"error_id": answer.json["error_id"], "method": "GET", "path": "/wrong/bug"}
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_the_page_shows_the_id_too(visitor: Browser) -> None:
    assert len(visitor.get("/wrong/bug").one("code").text()) == 26


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("full", "server's disk is full"),
        ("readonly", "is read-only"),
        ("locked", "is busy"),
        ("gone", "is unavailable"),
    ],
)
def test_trouble_with_the_database_is_named(visitor: Browser, kind: str, words: str) -> None:
    assert visitor.get(f"/wrong/{kind}").says(words)


def test_nothing_there_and_nothing_done(visitor: Browser) -> None:
    assert visitor.get("/no/such/page").status_code == 404

    refused = visitor.post("/healthz")
    assert refused.status_code == 405
    assert "GET" in refused.headers["Allow"]


def test_too_much_is_refused_before_it_is_read(visitor: Browser) -> None:
    page = visitor.post("/wrong/form", message="x" * 5_000_000)

    assert page.status_code == 413
    assert page.says("too large for this server")


@pytest.mark.slow
def test_the_longest_message_fits(visitor: Browser) -> None:
    assert visitor.post("/wrong/form", message="\N{DROPLET}" * 200_000).text == "kept 200000"


def test_a_template_that_breaks_is_a_fault_like_any_other(visitor: Browser) -> None:
    assert visitor.get("/wrong/broken-template").status_code == 500


@pytest.mark.mostly_slow
@pytest.mark.parametrize("path", ["/wrong/bug", "/wrong/forbidden", "/nothing", "/wrong/gone"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_error_page_that_fails_becomes_plain_words(app: Flask, path: str, headers: dict[str, str]) -> None:
    app.jinja_loader = DictLoader({"errors/error.html": "{{ 1 / 0 }}", "errors/_toast.html": "{{ nothing.at.all }}"})

    answer = Browser(app).get(path, headers=headers)

    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Something went wrong" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_an_error_page_that_is_missing_becomes_plain_words(app: Flask) -> None:
    app.jinja_loader = DictLoader({})

    assert "Something went wrong" in Browser(app).get("/nothing").text


@pytest.mark.slow
def test_a_refusal_stands_in_the_frame_of_who_is_signed_in(member: Browser, visitor: Browser) -> None:
    for path in ("/nothing", "/wrong/forbidden", "/api"):
        assert [bool(browser.get(path).all("#sidebar a[href='/account']")) for browser in (member, visitor)] == [True, False], (
            path
        )
    assert not member.get("/wrong/bug").all("#sidebar")


def test_a_refusal_is_told_although_nobody_can_be_looked_up(member: Browser) -> None:
    with member.app.app_context():
        db.session.execute(text("DROP TABLE user_sessions"))
        db.session.commit()

    page = member.get("/nothing")

    assert (page.status_code, page.heading, page.all("#sidebar")) == (404, "Not found", [])


def test_an_error_is_told_without_asking_the_database_who_looks(member: Browser) -> None:
    with member.counting_statements() as statements:
        assert member.get("/wrong/gone").status_code == 503

    assert statements == []


def test_the_faults_of_one_request_are_not_those_of_the_next(visitor: Browser) -> None:
    for _ in range(2):
        assert visitor.get("/wrong/bug").heading == "Something went wrong"
