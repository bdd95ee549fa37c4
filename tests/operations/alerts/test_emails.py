"""Alerts by email: each is mailed once, and after an error of the mail server it is retried or given up."""

import gevent
import pytest

from tests.operations.alerts.test_alerts import recent
from tests.operations.insights.test_insights import made, program
from tests.upstream.mailbox import mailbox
from webapp.base.audit import COMMAND_LINE
from webapp.engine.engine import ENGINE
from webapp.operations.alerts import queries, service
from webapp.settings.service import set_settings

__all__ = ["made", "program"]


@pytest.fixture
def box(app):
    with mailbox() as server, app.app_context():
        set_settings({"mail.host": "127.0.0.1", "mail.port": str(server.port), "mail.security": "none"}, author=COMMAND_LINE)
        set_settings({"mail.from": "millrace@example.org", "alerts.emails": "a@example.org, b@example.org"}, author=COMMAND_LINE)
        yield server


def told(wanted: int) -> list[str]:
    """Waits until this many events have an outcome, and returns the outcomes."""
    with gevent.Timeout(60):
        while len(found := [event.email for event in queries.events() if event.email]) < wanted:
            queries.db.session.rollback()
            gevent.sleep(0.05)
    return found


def test_what_fires_is_mailed_once_to_all(program, owner, made, box):
    recent(made, 30, "failed")
    service.check_all()
    service.check_all()
    assert told(2) == ["delivered", "delivered"]
    assert sorted(mail["Subject"] for mail in box.mails) == [
        "[Millrace] Alert: Error rate: 100 %, above 5 %.",
        "[Millrace] Alert: Success rate: 0 %, below 95 %.",
    ]
    assert {mail["To"] for mail in box.mails} == {"a@example.org, b@example.org"}
    assert {event["email"] for event in program.get("/alerts/events")["events"]} == {"delivered"}
    assert owner.page("/admin/alerts").says("Email: delivered")


@pytest.mark.slow
def test_a_mail_server_that_is_busy_is_asked_again(app, made, box):
    box.says["MAIL"] = "451 later"
    recent(made, 30, "failed")
    service.check_all()
    assert {line.partition(":")[0] for line in told(2)} == {"failed"}
    box.says.clear()
    with gevent.Timeout(60):
        while len(box.mails) < 2:
            gevent.sleep(0.05)


def test_a_password_that_is_refused_is_not_sent_again(app, made, box):
    set_settings({"mail.user": "millrace"}, author=COMMAND_LINE)
    box.says["AUTH"] = "535 wrong"
    recent(made, 30, "failed")
    before = set(ENGINE.of(app).other_requests)
    service.check_all()
    assert {line.partition(":")[0] for line in told(2)} == {"failed"}
    # No task waits to try again.
    with gevent.Timeout(60):
        while set(ENGINE.of(app).other_requests) - before:
            gevent.sleep(0.05)
    assert len(box.logins) == 2


def test_a_test_goes_every_way_that_is_set(program, owner, box, fake):
    assert owner.page("/admin/alerts/errors").press("Send a test").says("The test was sent.")
    (mail,) = box.mails
    assert mail["Subject"] == "[Millrace] Test alert: Test: Error rate. Nothing is wrong."
    set_settings({"alerts.webhook": f"{fake.base_url}/hook"}, author=COMMAND_LINE)
    fake.always({"status": 500}, at="/hook")
    assert program.said("POST", "/alerts/errors/test", 422)["detail"].startswith("The test by webhook didn't arrive.")
    assert len(box.mails) == 2


def test_with_nobody_to_tell_a_test_says_so(app, program):
    assert program.said("POST", "/alerts/errors/test", 422)["detail"] == "Set a webhook or email addresses first."
