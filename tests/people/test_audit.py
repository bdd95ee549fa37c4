"""/admin/audit: what was done, by whom and from where."""

import ast
import csv
import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select

from tests.people.conftest import written_down
from tests.support.browser import Browser
from tests.support.catalogues import write_catalogue
from tests.support.marks import also_on_postgres
from tests.support.people import PASSWORD
from tests.support.steps import steps_on_the_loop
from tests.support.turns import turns_of_the_loop
from webapp.base import audit, languages
from webapp.base.audit import AuditAuthor, AuditEntry
from webapp.base.db import db, write
from webapp.base.errors import Invalid
from webapp.base.heavy.bounded import IDLE_READERS
from webapp.people.accounts import queries, service
from webapp.people.audit_words import ACTIONS


def said(app: Flask, *actions: str) -> None:
    with app.app_context():
        for action in actions:
            audit.record(action, author=AuditAuthor("the test"), detail="by itself", object_kind="thing", object_id="1")


def test_it_shows_the_newest_first(app: Flask, owner: Browser) -> None:
    said(app, "made a dam", "broke a dam")

    page = owner.page("/admin/audit")

    entries = [" ".join(entry.text(separator=" ").split()) for entry in page.all(".log__what")]
    assert entries[:2] == ["the test broke a dam", "the test made a dam"]
    assert page.says("by itself")


def test_it_is_for_owner_and_admins(owner: Browser, admin: Browser, member: Browser, guest: Browser, visitor: Browser) -> None:
    for path in ("/admin/audit", "/admin/audit/export.csv"):
        assert [browser.get(path).status_code for browser in (owner, admin, member, guest, visitor)] == [200, 200, 403, 403, 303]


def test_nobody_changes_it(owner: Browser) -> None:
    assert {owner.post(path).status_code for path in ("/admin/audit", "/admin/audit/export.csv")} == {405}


def test_it_can_be_narrowed_to_a_person_and_an_action(app: Flask, owner: Browser, admin: Browser, member: Browser) -> None:
    admin.post(f"/admin/people/{member.person_id}/role", role="guest")
    said(app, "broke a dam")

    page = owner.page("/admin/audit").form("Show").submit(person=" MEMBER@example.org", action="")
    assert page.says("changed a role")
    assert not page.has("p", "the test broke a dam")
    page = owner.page("/admin/audit").form("Show").submit(person="admin@example.org", action="changed a role")
    assert len(page.all(".log li")) == 1
    assert page.form("Show").fields == {"person": "admin@example.org", "action": "changed a role"}
    page = owner.page("/admin/audit").form("Show").submit(person="nobody@example.org", action="")
    assert page.says("No matching entries.")


@pytest.mark.slow
def test_it_goes_back_a_page_at_a_time(app: Flask, owner: Browser) -> None:
    said(app, *(f"step {number}" for number in range(120)))

    page, seen = owner.page("/admin/audit?person=the+test"), []
    while True:
        seen += [entry.text(separator=" ").split()[-1] for entry in page.all(".log__what")]
        if not page.has("a", "Older"):
            break
        page = page.click("Older")

    assert seen == [str(number) for number in reversed(range(120))]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("query", ["before=%00", "before=zzz", "before=' OR 1=1--", "person=%25", "action=_", "person=%ED%A0%80"])
def test_nonsense_in_the_address_is_taken_literally(app: Flask, owner: Browser, query: str) -> None:
    said(app, "made a dam")

    assert owner.get(f"/admin/audit?{query}").status_code == 200


def test_the_export_has_the_same_entries_and_no_formulas(app: Flask, owner: Browser) -> None:
    with app.app_context():
        audit.record(
            "=cmd|' /C calc'!A0", author=AuditAuthor("+1+1", "-2-2"), detail="@SUM(A1)", object_id='"quoted", with comma'
        )

    page = owner.page("/admin/audit/export.csv?person=%2B1%2B1")

    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert page.headers["Content-Disposition"] == 'attachment; filename="millrace-audit.csv"'
    head, row = csv.reader(io.StringIO(page.text.removeprefix("\ufeff")))
    assert head[0] == "when (UTC)"
    assert row[1:] == ["'+1+1", "'-2-2", "'=cmd|' /C calc'!A0", "", '"quoted", with comma', "'@SUM(A1)", "done"]


def test_a_setting_is_named_beside_what_it_was_set_to(owner: Browser, member: Browser) -> None:
    owner.post("/admin/settings/retention", **{"trash.days": "12"})

    page = owner.page("/admin/audit?action=changed+a+setting")

    assert page.one(".log .how").text().startswith("Keep deleted chats, in days: 12")
    exported = owner.page("/admin/audit/export.csv?action=changed+a+setting").text
    assert "changed a setting,setting,trash.days,12,done" in exported
    # For a person the page shows the detail instead of the id.
    assert member.person_id not in owner.page("/admin/audit").text


def test_what_is_written_down_is_only_text_and_one_line(app: Flask, owner: Browser) -> None:
    with app.app_context():
        audit.record("<b>broke</b>", author=AuditAuthor("a\nb\0c\u202e\ud800", "1" * 100), detail="x" * 1000)

    page = owner.page("/admin/audit")

    assert page.says("a b c <b>broke</b>")
    with app.app_context():
        assert len(db.session.scalars(select(AuditEntry.detail).order_by(AuditEntry.id.desc())).first() or "") == 300


# Which actions are recorded


@also_on_postgres
def test_coming_and_going_is_written_down(app: Flask) -> None:
    with app.app_context():
        service.add_user("ann@example.org", "member", PASSWORD)
        secret = service.sign_in("ann@example.org", PASSWORD, "curl/8", address="192.0.2.1")
        service.sign_out(secret, address="192.0.2.1")
        with pytest.raises(Invalid):
            service.sign_in("ann@example.org", "a wrong guess", address="192.0.2.1")

    assert written_down(app) == [
        ("", "tried to sign in", "ann@example.org: Unknown browser, with a wrong password"),
        ("ann@example.org", "signed out", ""),
        ("ann@example.org", "signed in", "curl, with a password"),
        ("command line", "added an account", "ann@example.org: member"),
    ]


def test_a_setting_that_a_command_changes_names_the_command_line(app: Flask) -> None:
    for arguments in (["set", "trash.days", "7"], ["unset", "trash.days"]):
        assert app.test_cli_runner().invoke(args=["settings", *arguments]).exit_code == 0

    assert written_down(app) == [("command line", "reset a setting", ""), ("command line", "changed a setting", "7")]


@pytest.mark.slow
def test_a_password_typed_into_the_wrong_field_is_not_written_down(app: Flask, visitor: Browser) -> None:
    visitor.post("/login", email=PASSWORD, password="x")

    assert written_down(app) == [("", "tried to sign in", "no active account")]


@pytest.mark.slow
def test_a_thousand_guesses_are_a_few_lines(app: Flask, visitor: Browser) -> None:
    # More than a hundred are refused, however slow the machine: one more is tried every five seconds.
    for _ in range(130):
        visitor.post("/login", email="ann@example.org", password="a wrong guess")

    assert [entry[2] for entry in written_down(app) if entry[1] == "tried to sign in"] == [
        "no active account, 10 times within an hour",
        "no active account",
    ]
    assert [entry[2] for entry in written_down(app) if entry[1] == "made too many attempts"] == [
        "100 times within an hour",
        "10 times within an hour",
        "",
    ]


def test_a_refusal_stands_while_nothing_can_be_written(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with app.app_context():
        db.session.execute(db.text("PRAGMA query_only = ON"))
        db.session.rollback()

        audit.refused("tried", key="somebody", author=AuditAuthor(""))

    assert "refusal_not_recorded" in caplog.messages


def test_no_secret_is_ever_written_down(app: Flask, owner: Browser, member: Browser) -> None:
    secrets = [PASSWORD, "another quiet river"]
    page = owner.post("/admin/people/invites", role="guest", email="")
    secrets.append((page.one("#once-secret").attributes["value"] or "").rpartition("/")[2])
    page = member.post("/account/tokens", name="script", read="y", days="30", password=PASSWORD)
    secrets.append(page.one("#once-secret").attributes["value"] or "")
    member.post("/account/password", current=PASSWORD, password="another quiet river")
    secrets.append(member.cookie("millrace") or "")

    with app.app_context():
        everything = str([vars(entry) for entry in queries.audit_entries(limit=1000)])
    assert len(everything) > 1000
    assert not [secret for secret in secrets if secret in everything]


@pytest.mark.slow
def test_whoever_looks_for_what_was_never_done_holds_up_nobody(app: Flask, owner: Browser) -> None:
    with app.app_context(), write() as session:
        session.execute(insert(AuditEntry), [{"action": "broke a dam", "actor": "the test"} for _ in range(5_000)])
    with steps_on_the_loop(app) as steps:
        page = owner.page("/admin/audit?action=mended+a+dam")
    assert page.says("No matching entries.")
    # A scan of all entries takes a dozen steps for each.
    assert steps.count < 5_000


class Counted(sqlite3.Connection):
    """The connection that a worker thread reads with; counts the steps of its statements."""

    steps = 0

    def set_progress_handler(self, _handler: Any, _steps: int) -> None:
        super().set_progress_handler(self._take, 10)

    def _take(self) -> int:
        self.steps += 10
        return 0


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "query", ["action=mended+a+dam", "person=nobody", "person=nobody&action=step+7", "person=member@example.org", "action=step+7"]
)
def test_what_is_looked_for_is_found_without_a_look_at_everything(
    app: Flask, owner: Browser, member: Browser, query: str
) -> None:
    with app.app_context(), write() as session:
        actions = [{"action": f"step {number % 20}", "actor": f"the test {number % 30}"} for number in range(5_000)]
        session.execute(insert(AuditEntry), actions)
        path = str(db.engine.url.database)
    reader = sqlite3.connect(path, check_same_thread=False, factory=Counted)
    IDLE_READERS.set([reader], app)

    assert owner.get(f"/admin/audit?{query}").status_code == 200
    assert 0 < reader.steps < 5_000


@pytest.mark.slow
def test_whence_somebody_signed_in_is_found_without_a_look_at_everything(app: Flask, member: Browser) -> None:
    with app.app_context(), write() as session:
        session.execute(insert(AuditEntry), [{"action": "broke a dam", "actor": "the test"} for _ in range(5_000)])
    with app.app_context():
        sessions = queries.sessions_of(str(member.person_id))
    with steps_on_the_loop(app) as steps, app.app_context():
        assert set(queries.addresses_of(sessions)) == {row.id for row in sessions}
    assert steps.count < 1_000


@also_on_postgres
def test_entries_are_found_by_whom_to_whom_and_what(app: Flask) -> None:
    said(app, "broke a dam", "mended a dam", "broke a dam")
    with app.app_context():
        audit.record("named", author=AuditAuthor("nobody"), object_kind="person", object_id="the test")

        def found(**wanted: Any) -> list[str]:
            return [entry.action for entry in queries.audit_entries(**wanted)]

        assert found(person="the test", limit=9) == ["named", "broke a dam", "mended a dam", "broke a dam"]
        assert found(person="the test", action="broke a dam", limit=9) == ["broke a dam"] * 2
        assert found(person="the test", limit=2) == ["named", "broke a dam"]
        assert found(person="The Test", limit=9) == found(person="the test", limit=9)[1:]
        assert list(queries.audit_actions()) == ["broke a dam", "mended a dam", "named"]


def test_an_export_is_written_in_turns(app: Flask, owner: Browser) -> None:
    with app.app_context(), write() as session:
        session.execute(insert(AuditEntry), [{"action": f"step {number}", "actor": "the test"} for number in range(1_000)])
    with app.app_context(), turns_of_the_loop() as turn:
        turns = [turn() for _ in queries.audit_entries(limit=1_000)]
    assert len(turns) == 1_000
    assert len(set(turns)) > 1


ADDING = {"add", "record", "refused", "about_person", "note", "_note"}


def test_every_action_of_the_code_has_a_label() -> None:
    written = set[str]()
    for file in Path("webapp").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)):
            if ast.unparse(call.func).rpartition(".")[2] in ADDING and "uthor" in ast.unparse(call):
                written |= {part.value for part in call.args[:2] if isinstance(part, ast.Constant) and " " in str(part.value)}
    unknown = written - {*ACTIONS}
    assert not unknown, f"add these to `ACTIONS` in webapp/people/audit_words.py: {unknown}"


def test_actions_settings_and_tools_are_shown_in_the_readers_language(app: Flask, owner: Browser, tmp_path: Path) -> None:
    german = {"changed a setting": "Einstellung geändert", "Run Python": "Python ausführen", "Ask first": "Erst fragen"}
    write_catalogue(tmp_path, "de", german | {"Yes": "Ja"}, name="Deutsch")
    languages.load(tmp_path)
    with app.app_context():
        by = AuditAuthor("the test")
        audit.record("changed a setting", author=by, object_kind="setting", object_id="backup.nightly", detail="true")
        audit.record("set the policy of a tool", author=by, object_kind="tool", object_id="run_python", detail="Mill: ask")
    owner.post("/settings/look", language="de")

    page = owner.page("/admin/audit")

    assert [node.text() for node in page.all(".log .how")][:2] == [
        "Python ausführen: Mill: Erst fragen",
        "Back up every night: Ja",
    ]
    assert page.one("option[value='changed a setting']").text() == "Einstellung geändert"
    languages.load(tmp_path / "none")
