"""The mail server as an admin sets it up: by form and by program, with a password that only that server gets."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.upstream.mailbox import Mailbox, mailbox
from webapp.base.audit import COMMAND_LINE
from webapp.operations.notices.mail.service import password, stored
from webapp.settings.secrets.keyring import rotate
from webapp.settings.service import setting


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as server:
        yield server


@pytest.fixture
def program(app: Flask, owner: Browser) -> Client:
    return client_of(app, owner.email)


def settings_of(box: Mailbox) -> dict[str, str]:
    return {
        "mail.host": "127.0.0.1",
        "mail.port": str(box.port),
        "mail.security": "none",
        "mail.user": "millrace",
        "mail.from": "millrace@example.org",
    }


@pytest.mark.slow
def test_an_admin_sets_it_up_and_sends_a_test(owner: Browser, box: Mailbox) -> None:
    assert owner.page("/admin/mail").says("Save a server and the address to send from, then send a test.")
    assert owner.post("/admin/mail/password", password="open sesame").says("Save the server first")
    assert owner.submit("/admin/mail", **settings_of(box)).says("Saved.")
    page = owner.submit("/admin/mail", password="open sesame")
    assert page.says("Password saved.")
    assert not page.says("open sesame")
    assert owner.page("/admin/mail").textbox("Send to").value == owner.email
    assert owner.submit("/admin/mail", to="you@example.org").says("A test was sent to you@example.org.")
    (mail,) = box.mails
    assert (mail["From"], mail["To"], mail["Auto-Submitted"]) == (
        "Millrace <millrace@example.org>",
        "you@example.org",
        "auto-generated",
    )
    assert "Everything works" in mail.get_content()
    assert box.logins == ["millrace\0open sesame"]
    assert owner.page("/admin/audit").says("sent a test email")
    assert not owner.page("/admin/audit").says("mail.host: you@example.org")
    assert owner.page("/admin/mail").press("Delete password").says("Password deleted.")


@pytest.mark.slow
def test_a_test_that_fails_says_why(owner: Browser, box: Mailbox) -> None:
    owner.submit("/admin/mail", **settings_of(box) | {"mail.user": ""})
    box.says["RCPT"] = "550 nobody of that name"
    page = owner.post("/admin/mail/test", to="you@example.org")
    assert page.status_code == 422
    assert page.error_at("Send to") == "The email could not be sent. 127.0.0.1 refused the recipient: nobody of that name"
    assert owner.post("/admin/mail/test", to="you@here@there").error_at("Send to").startswith("Enter an email")


@pytest.mark.slow
def test_the_password_goes_to_the_server_it_was_entered_for_alone(app: Flask, program: Client, box: Mailbox) -> None:
    for name, value in settings_of(box).items():
        program.said("PUT", f"/settings/{name}", 200, {"value": value})
    program.said("PUT", "/mail/password", 204, {"password": "open sesame"})
    assert program.get("/mail") == {"is_set": True, "has_password": True, "trouble": ""}
    with app.app_context():
        (kept,) = stored()
        assert "sesame" not in kept.ciphertext
        assert [rotated.outcome for rotated in rotate(author=COMMAND_LINE)] == ["current"]

    program.said("PUT", "/settings/mail.host", 200, {"value": "localhost"})
    assert "Enter it again" in program.get("/mail")["trouble"]
    assert "Enter it again" in program.said("POST", "/mail/test", 422, {"to": "you@example.org"})["detail"]
    assert box.commands == []
    program.said("DELETE", "/mail/password", 204)
    assert program.get("/mail")["has_password"] is False
    with app.app_context():
        assert password().text == ""


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mail.host", "http://smtp.example.org"),
        ("mail.host", "smtp example"),
        ("mail.port", "0"),
        ("mail.security", "ssl"),
        ("mail.from", "Millrace <millrace@example.org>"),
        ("mail.from", "a@b@c"),
        ("mail.from", "grüße@example.org"),
        ("alerts.emails", "a@example.org, nobody"),
        ("alerts.emails", ", ".join(f"a{number}@example.org" for number in range(21))),
    ],
)
def test_what_no_mail_could_be_sent_with_is_refused(app: Flask, program: Client, name: str, value: str) -> None:
    program.said("PUT", f"/settings/{name}", 422, {"value": value})
    with app.app_context():
        assert setting(name) != value


@pytest.mark.parametrize("password", ["", "x" * 501, "pässword", "two\r\nlines"])
def test_what_is_no_password_is_refused(program: Client, box: Mailbox, password: str) -> None:
    program.said("PUT", "/settings/mail.host", 200, {"value": "127.0.0.1"})
    program.said("PUT", "/mail/password", 422, {"password": password})


def test_members_see_nothing_of_it(app: Flask, member: Browser) -> None:
    assert member.get("/admin/mail").status_code == 403
