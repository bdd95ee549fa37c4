"""The same action answered with a page, for htmx and for an API client; and the globals of templates."""

import gevent
import pytest
from flask import Blueprint, Flask, Response, render_template_string

from tests.conftest import MakeApp
from tests.support.browser import Browser
from webapp.people.accounts.guards import anybody
from webapp.web.htmx import OVER, done, redirect, render

bp = Blueprint("tried", __name__, url_prefix="/tried")


@bp.post("/done")
@anybody
def finish() -> Response:
    return done("/healthz")


@bp.post("/redirect")
@anybody
def lead() -> Response:
    return redirect("/healthz")


@bp.get("/toast")
@anybody
def show() -> Response:
    return render("errors/_toast.html", status=418, message="Short and stout.", next_step=("", ""))


@bp.get("/me")
@anybody
def me() -> str:
    return render_template_string("<p>{{ me.email if me else 'nobody' }}, {{ sidebar()|length }}</p>")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    app = make_app()
    app.register_blueprint(bp)
    return app


@pytest.mark.slow
def test_a_form_is_led_on(visitor: Browser) -> None:
    for path in ("/tried/done", "/tried/redirect"):
        answer = visitor.post(path)
        assert (answer.status_code, answer.location) == (303, "/healthz")
        assert "HX-Request" in answer.headers["Vary"]


def test_htmx_hears_of_what_was_done_by_its_stream(visitor: Browser) -> None:
    answer = visitor.htmx_post("/tried/done")

    assert (answer.status_code, answer.text) == (204, "")


def test_a_form_in_a_dialog_over_a_page_hears_where_it_leads(visitor: Browser) -> None:
    answer = visitor.client.post("/tried/redirect", headers={OVER: "1", "Origin": visitor.origin}, base_url=visitor.origin)

    assert (answer.status_code, answer.headers["HX-Redirect"], answer.data) == (204, "/healthz", b"")
    assert OVER in answer.headers["Vary"]


def test_a_page_that_is_shown_there_has_no_frame(member: Browser) -> None:
    whole, over = (member.client.get("/tags", headers=headers, base_url=member.origin).text for headers in ({}, {OVER: "1"}))

    assert 'id="sidebar"' in whole
    assert "<h1>Tags</h1>" in over
    assert not [part for part in ("<html", "sidebar", "<script") if part in over]


def test_what_is_rendered_has_its_status_and_says_what_it_depends_on(visitor: Browser) -> None:
    page = visitor.get("/tried/toast")

    assert page.status_code == 418
    assert page.says("Short and stout.")
    assert "HX-Request" in page.headers["Vary"]


def test_others_run_before_a_template_is_rendered_for_the_first_time(app: Flask) -> None:
    others = list[str]()
    with app.test_request_context():
        for name in ("first", "second"):
            gevent.spawn(others.append, name)
            render("errors/_toast.html", message="Short and stout.", next_step=("", ""))

    assert others == ["first"]


def test_templates_know_who_looks(visitor: Browser, member: Browser) -> None:
    assert visitor.get("/tried/me").says("nobody, 0")
    assert member.get("/tried/me").says(f"{member.email}, 0")


def test_templates_can_be_rendered_outside_of_a_request(app: Flask) -> None:
    with app.app_context():
        assert render_template_string("{{ me }} {{ sidebar() }}") == "None []"
