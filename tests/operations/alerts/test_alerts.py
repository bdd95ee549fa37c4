"""Alerts: one that fires is announced once, on pages and to the webhook, and resolves later."""

import hashlib
import hmac
import json
from datetime import timedelta

import gevent
import pytest
from sqlalchemy import update

from tests.operations.insights.test_insights import made, program
from tests.support.turns import turns_of_the_loop
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, utc_now, write
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.operations.alerts import delivery, evaluation, queries, service
from webapp.operations.alerts.tables import AlertRule
from webapp.people.accounts.tables import User
from webapp.settings.service import set_settings

__all__ = ["made", "program"]


@pytest.fixture
def app(make_app, fake):
    return make_app(**fake.environ)


def recent(made, count: int, status: str) -> None:
    made(count, status=status, created_at=utc_now() - timedelta(minutes=2))


def told_to(fake) -> list[dict]:
    return [entry for entry in fake.log() if entry["path"].endswith("/hook")]


def test_the_rules_are_there_from_the_beginning(program):
    alerts = program.get("/alerts")["alerts"]
    assert [alert["id"] for alert in alerts] == [
        "success",
        "slower",
        "first_text",
        "fallback",
        "errors",
        "budget",
        "disk",
        "backup",
        "proof",
        "key",
        "credit",
    ]
    assert {alert["state"] for alert in alerts} == {"no_data"}
    limits = {alert["id"]: (alert["limit"], alert["window_minutes"], alert["min_samples"]) for alert in alerts[:5]}
    assert limits == {
        "success": (0.95, 15, 20),
        "slower": (3, 60, 20),
        "first_text": (1000, 15, 20),
        "fallback": (0.1, 15, 20),
        "errors": (0.05, 15, 20),
    }


def began_after(made, seconds: float, *, count: int, ago: timedelta, model: str) -> None:
    asked_at = utc_now() - ago
    made(count, created_at=asked_at, first_text_at=asked_at + timedelta(seconds=seconds), model_used=model, status="completed")


@pytest.mark.parametrize(
    ("usually", "now", "state", "value"),
    [
        (0.5, 0.5, "ok", 1),
        (0.5, 1.9, "ok", 1),
        (0.5, 2.1, "firing", 4.2),
        # A reasoning model, or one on a small machine.
        (20, 25, "ok", 1.25),
        (20, 45, "warning", 2.25),
        (20, 70, "firing", 3.5),
    ],
)
def test_a_model_is_compared_with_its_own_usual_time(app, program, made, usually, now, state, value):
    began_after(made, usually, count=30, ago=timedelta(days=2), model="some/model")
    began_after(made, now, count=30, ago=timedelta(minutes=5), model="some/model")
    # Neither a new model nor one that few have used has a usual time.
    began_after(made, 90, count=30, ago=timedelta(minutes=5), model="some/new")
    began_after(made, 1, count=5, ago=timedelta(days=2), model="some/rare")
    began_after(made, 90, count=30, ago=timedelta(minutes=5), model="some/rare")
    with app.app_context():
        service.check_all()

    found = program.get("/alerts/slower")
    assert (found["state"], found["value"], found["samples"], found["fired_last_week"]) == (state, value, 30, None)
    assert not program.get("/alerts/first_text")["is_enabled"]


def test_few_answers_say_nothing_about_a_model(app, program, made):
    began_after(made, 1, count=30, ago=timedelta(days=2), model="some/model")
    began_after(made, 90, count=19, ago=timedelta(minutes=5), model="some/model")
    with app.app_context():
        service.check_all()
    assert program.get("/alerts/slower")["state"] == "no_data"


@pytest.mark.slow
def test_what_fires_is_told_once_and_is_over_later(app, program, owner, member, made, fake):
    with app.app_context():
        set_settings({"alerts.webhook": f"{fake.base_url}/hook"}, author=COMMAND_LINE)
    fake.always({"json": {}}, at="/hook")
    recent(made, 15, "failed")
    with app.app_context():
        service.check_all()
    assert program.get("/alerts/errors")["state"] == "no_data"

    recent(made, 15, "completed")
    with app.app_context():
        service.check_all()
        service.check_all()
    errors = program.get("/alerts/errors")
    assert (errors["state"], errors["value"], errors["samples"], errors["fired_last_week"]) == ("firing", 0.5, 30, 1)
    assert [event["alert"] for event in program.get("/alerts/events")["events"]] == ["errors", "success"]
    for place in (".account__button", "#account-menu [href='/admin']"):
        assert owner.page("/").one(f"{place} .badge .sr").text() == "2 alerts"
    assert not owner.page("/").says("Error rate")
    assert not member.page("/").all(".badge")
    page = owner.page("/admin/alerts")
    assert page.says("Error rate: 50 %, above 5 %.")
    assert page.press("Mute for a day : Error rate: 50 %, above 5 %.").says("Alert muted.")
    assert owner.page("/").one(".account__button .badge .sr").text() == "1 alert"
    assert owner.page("/admin").one("main .badge .sr").text() == "1 alert"
    owner.post("/admin/alerts/errors/mute", minutes="0")
    assert owner.page("/").one(".account__button .badge .sr").text() == "2 alerts"

    recent(made, 2_000, "completed")
    with app.app_context():
        service.check_all()
    assert program.get("/alerts/errors")["state"] == "ok"
    assert not owner.page("/").all(".badge")
    with gevent.Timeout(60):
        while len(found := program.get("/alerts/events")["events"]) < 4 or any(
            event["delivery"] != "delivered" for event in found
        ):
            gevent.sleep(0.05)
    assert sorted(entry["body"]["state"] for entry in told_to(fake)) == ["firing", "firing", "ok", "ok"]


@pytest.mark.slow
def test_an_alert_lasts_while_the_few_answers_left_are_bad_and_ends_with_its_window(app, program, owner, made):
    def check(age: timedelta) -> list[str]:
        with app.app_context():
            with write() as session:
                session.execute(update(Generation).values(created_at=utc_now() - age))
            service.check_all()
        return [alert.rule for alert in service_firing(app)]

    recent(made, 10, "failed")
    recent(made, 90, "completed")
    assert check(timedelta(minutes=2)) == ["success", "errors"]
    assert check(timedelta(hours=1)) == []
    assert not owner.page("/").all(".badge")
    assert [event["words"] for event in program.get("/alerts/events")["events"][:1]] == ["Error rate. The alert is over."]
    assert check(timedelta(minutes=2)) == ["success", "errors"]
    with app.app_context():
        with write() as session:
            session.execute(update(Generation).values(created_at=utc_now() - timedelta(hours=1)))
        recent(made, 1, "failed")
        recent(made, 2, "completed")
        service.check_all()
    assert [alert.rule for alert in service_firing(app)] == ["success", "errors"]
    assert owner.page("/admin/alerts").says("Several answers failed earlier.")


def service_firing(app):
    with app.app_context():
        return service.firing()


def test_a_webhook_is_signed_and_its_trouble_is_told(app, program, owner, fake):
    program.said("PUT", "/settings/alerts.webhook", 422, {"value": "ftp://somewhere"})
    program.said("PUT", "/settings/alerts.webhook", 200, {"value": f"{fake.base_url}/hook"})
    fake.always({"json": {}}, at="/hook")
    program.said("POST", "/alerts/errors/test", 204)
    (sent,) = told_to(fake)
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    at, _, signature = headers["x-millrace-signature"].removeprefix("t=").partition(",v1=")
    signed = f"{at}.{json.dumps(sent['body'])}"
    with app.app_context():
        expected = hmac.new(delivery.webhook_secret().encode(), signed.encode(), hashlib.sha256).hexdigest()
    assert signature == expected

    fake.always({"status": 500}, at="/hook")
    assert program.said("POST", "/alerts/errors/test", 422)["detail"].endswith("status 500.")
    assert owner.post("/admin/alerts/errors/test").says("The test by webhook didn't arrive.")
    program.said("PUT", "/settings/alerts.webhook", 200, {"value": "http://169.254.169.254/hook"})
    program.said("POST", "/alerts/errors/test", 422)


def test_rules_say_in_sentences_what_happens(app, owner, program, fake):
    program.said("PUT", "/settings/alerts.webhook", 200, {"value": f"{fake.base_url}/hook"})
    with app.app_context():
        set_settings(
            {"alerts.emails": "ops@example.org", "mail.host": "127.0.0.1", "mail.from": "millrace@example.org"},
            author=COMMAND_LINE,
        )
    sentences = [node.text() for node in owner.page("/admin/alerts").all(".rule")]
    effect = "notify admins, email ops@example.org and call the webhook."
    assert sentences[0] == f"When the success rate is below 95 % over 15 minutes, {effect}"
    assert sentences[1] == f"When a model's first text takes more than 3 times its usual time over 60 minutes, {effect}"
    assert sentences[5] == f"When a budget is used up, {effect}"
    assert sentences[-2:] == [f"When a provider {what}, {effect}" for what in ("rejects its key", "has no credit left")]


def test_the_secret_is_in_the_page_only_when_it_is_asked_for(app, owner):
    with app.app_context():
        secret = delivery.webhook_secret()
    page = owner.page("/admin/alerts")
    assert secret not in page.text
    page = page.click("Show the secret")
    assert page.one(".secret").text() == secret
    assert secret not in page.click("Hide").text


@pytest.mark.slow
def test_a_muted_alert_is_told_to_nobody(app, program, owner, made):
    program.said("POST", "/alerts/errors/mute", 200, {"minutes": 60})
    recent(made, 30, "failed")
    with app.app_context():
        service.check_all()
    assert program.get("/alerts/errors")["state"] == "muted"
    assert owner.page("/").one(".account__button .badge .sr").text() == "1 alert"
    owner.post("/admin/alerts/errors/mute", minutes="0")
    for place in (".account__button", "#account-menu [href='/admin']"):
        assert owner.page("/").one(f"{place} .badge .sr").text() == "2 alerts"
    assert program.get("/alerts/errors")["state"] == "firing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limit": 0.9, "warn_at": 0.8}, "Error rate: 75 %. The alert is over."),
        ({"is_enabled": False}, "Error rate: turned off. The alert is over."),
    ],
)
def test_an_alert_that_ends_by_a_change_is_told_too(app, program, made, fake, changes, words):
    with app.app_context():
        set_settings({"alerts.webhook": f"{fake.base_url}/hook"}, author=COMMAND_LINE)
    fake.always({"json": {}}, at="/hook")
    recent(made, 15, "failed")
    recent(made, 5, "completed")
    with app.app_context():
        service.check_all()
    program.said("PATCH", "/alerts/errors", 200, changes)
    with app.app_context():
        service.check_all()

    events = [event for event in program.get("/alerts/events")["events"] if event["alert"] == "errors"]
    assert [event["state"] for event in events] == ["ok", "firing"]
    assert events[0]["words"] == words


def test_an_admin_changes_a_rule_in_the_browser(program, owner):
    page = owner.submit("/admin/alerts/success", limit="90", warn_at="92", window_minutes="30", min_samples="5", is_enabled="y")
    assert page.says("Alert saved.")
    assert owner.page("/admin/alerts").says("When the success rate is below 90 % over 30 minutes, notify admins.")
    assert owner.page("/admin/alerts/success").says("needs at least 5 answers")
    owner.submit("/admin/alerts/errors", limit="2,5", warn_at="1,5", window_minutes="30", min_samples="1,000", is_enabled="y")
    assert program.get("/alerts/errors")["limit"] == pytest.approx(0.025)
    wrong = owner.post("/admin/alerts/success", limit="90", warn_at="80", window_minutes="30", min_samples="5")
    assert wrong.status_code == 422
    assert wrong.says("Choose a warning value that is reached before the alert fires.")
    assert program.get("/alerts/success")["limit"] == pytest.approx(0.9)
    program.said("PATCH", "/alerts/success", 200, {"is_enabled": False})
    assert owner.page("/admin/alerts/success").says("Off")


@pytest.mark.slow
def test_a_used_up_budget_fires_and_is_a_metric(app, program):
    program.post("/budgets", {"who": "team", "unit": "answers", "limit": 1, "period": "month"}, status=201)
    program.ended(program.post("/chats", {"message": "Hello", "model": "some/model"}, status=201)["sent"])
    with app.app_context():
        service.check_all()
    found = program.get("/alerts/budget")
    assert (found["state"], found["value"]) == ("firing", 1)
    assert program.get("/alerts/events")["events"][0]["words"] == "The team has used up its budget."
    metrics = program.call("GET", "/metrics", buffered=True).get_data(as_text=True)
    assert 'millrace_budget_used_ratio{unit="answers"} 1.0' in metrics


def test_facts_of_the_server_are_looked_at_too(app, program):
    with app.app_context():
        with write() as session:
            session.execute(db.update(AlertRule).where(AlertRule.name == "disk").values(limit=1e12, warn_at=1e12))
        service.check_all()
    found = {alert["id"]: alert["state"] for alert in program.get("/alerts")["alerts"]}
    assert (found["disk"], found["budget"], found["backup"], found["key"]) == ("firing", "no_data", "no_data", "ok")


@pytest.mark.parametrize(("days", "state"), [(3, "no_data"), (7.5, "warning"), (9, "firing")])
def test_a_server_without_any_backup_is_told_after_a_week(app, program, days, state):
    with app.app_context():
        with write() as session:
            session.execute(db.update(User).values(created_at=utc_now() - timedelta(days=days)))
        service.check_all()
    assert program.get("/alerts/backup")["state"] == state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "title", "words"),
    [
        ("auth", "Rejected provider keys", "rejected its key."),
        ("credit", "Providers without credit", "has no credit left. Add credit at your provider."),
    ],
)
def test_a_key_that_its_server_refuses_fires(app, program, owner, code, title, words):
    with app.app_context():
        connection = the_connections().team()[0]
        words = f"{connection.name} {words}"
        connections.note_refusal(connection, code)
        the_connections().forget()
        service.check_all()
        assert [event.words for event in queries.events()] == [words]
    states = {alert["id"]: alert["state"] for alert in program.get("/alerts")["alerts"]}
    assert (states["key"], states["credit"]) == (("firing", "ok") if code == "auth" else ("ok", "firing"))
    # Where the page itself shows which key it is, the banner leaves it out.
    for path, is_in_banner in (("/chats", True), ("/admin", True), ("/", False), ("/admin/models", False)):
        assert owner.page(path).says(f"{words} See alerts") == is_in_banner, path
    # One that fired since the page was shown, or that it left out, stays.
    assert owner.post("/admin/alerts/dismiss").status_code == 303
    assert owner.page("/chats").says(words)
    seen = str(owner.page("/chats").one("#urgent-alerts [name=alerts]").attributes["value"])
    assert owner.post("/admin/alerts/dismiss", alerts=seen).status_code == 303
    assert owner.post("/admin/alerts/dismiss").status_code == 303
    assert not owner.page("/chats").says(words)
    assert owner.page("/chats").one(".account__button .badge .sr").text() == "1 alert"
    with app.app_context():
        with write() as session:
            session.execute(update(AlertRule).where(AlertRule.name.in_(("key", "credit"))).values(is_open=False))
        service.check_all()
    assert owner.page("/chats").says(f"{words} See alerts")


def test_an_alert_is_told_though_the_database_takes_no_note_of_it(app, made, fake):
    fake.always({"json": {}}, at="/hook")
    recent(made, 30, "failed")
    with app.app_context():
        set_settings({"alerts.webhook": f"{fake.base_url}/hook"}, author=COMMAND_LINE)
        with write() as session:
            refused = "CREATE TRIGGER no_note BEFORE UPDATE ON alert_events BEGIN SELECT RAISE(FAIL, 'disk I/O error'); END"
            session.execute(db.text(refused))
        service.check_all()
        for event in queries.events():
            delivery.note(event.id, "delivery", "failed: no answer")
    with gevent.Timeout(60):
        while len(told_to(fake)) < 2:
            gevent.sleep(0.05)


def test_a_webhook_that_refuses_an_alert_is_not_called_again(app, made, fake):
    fake.always({"status": 404}, at="/hook")
    recent(made, 30, "failed")
    with app.app_context():
        set_settings({"alerts.webhook": f"{fake.base_url}/hook"}, author=COMMAND_LINE)
        before = set(ENGINE.of(app).other_requests)
        service.check_all()
        with gevent.Timeout(60):
            while set(ENGINE.of(app).other_requests) - before:
                gevent.sleep(0.05)
        assert {event.delivery for event in queries.events()} == {"failed: The webhook answered with status 404."}
    assert len(told_to(fake)) == 2


def test_no_transaction_is_open_while_the_webhook_is_tested(app, fake):
    fake.always({"json": {}}, at="/hook")
    with app.app_context():
        set_settings({"alerts.webhook": f"{fake.base_url}/hook"}, author=COMMAND_LINE)
        service.test(queries.rule("errors"))
        assert not db.session().in_transaction()


def test_the_minutes_of_a_week_are_looked_at_in_turns(app, made):
    made(1)
    with app.app_context(), turns_of_the_loop() as turn:
        before = turn()
        # `made` dates its answer an hour ago, so the week is not empty.
        assert len(evaluation.Answers().week(1)["errors"]) > 10_000
        assert turn() > before
