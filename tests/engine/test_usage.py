"""Usage: the sums, and the pages and the spreadsheet that show them."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select

from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres, on_both_databases
from tests.support.page import Page
from tests.support.turns import longest_turn
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.chat.messages.chats import forget_visitor
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.operations.usage.queries import SLICE, Sums, summed, used, used_in_all
from webapp.people.accounts import queries

Ran = Callable[..., None]
KNOWN = {"input_tokens": 10, "output_tokens": 5, "cost": "0.25"}


@pytest.fixture
def ran(app: Flask) -> Ran:
    """Inserts the record of an answer into the database."""

    def put(person: Browser | None = None, **values: Any) -> None:
        usual = {"kind": "door", "lane": f"door:{new_id()}", "status": "completed", "reason": "stop", "owner": "nobody"}
        user_id = person.person_id if person else None
        with app.app_context(), write() as session:
            session.add(Generation(**{**usual, "model_asked": "some/model", "user_id": user_id, **values}))

    return put


@pytest.fixture
def admin(app: Flask) -> Browser:
    return signed_in(app, "admin@example.org", "admin")


def rows(page: Page, what: str) -> list[list[str]]:
    """Returns the table by person or by model as rows of cells."""
    lines = page.all(f"section[aria-labelledby=by-{what}] tbody tr")
    return [[" ".join(cell.text(separator=" ").split()) for cell in line.css("th, td")] for line in lines]


def told(page: Page, name: str) -> str:
    """Returns the value for a name in the lists of facts."""
    (node,) = [element for element in page.all("dt") if element.text() == name]
    return " ".join(node.next.text(separator=" ").split()) if node.next else ""


def total(app: Flask, **how: Any) -> Sums:
    today = utc_now().date()
    with app.app_context():
        return summed(used(today - timedelta(days=6), today, **how), by=lambda _: "").get("", Sums())


# Sums


@pytest.mark.slow
def test_a_busy_day_is_summed_in_slices(app: Flask, member: Browser) -> None:
    usual = {"kind": "door", "lane": "door:1", "status": "completed", "reason": "stop", "owner": "nobody", "model_asked": "m"}
    usual |= KNOWN
    now = utc_now()
    made = [{**usual, "id": new_id(), "user_id": member.person_id, "created_at": now} for _ in range(SLICE + 1)]
    later = now + timedelta(seconds=1)
    made += [{**usual, "id": new_id(), "user_id": None, "created_at": later} for _ in range(2 * SLICE)]
    with app.app_context(), write() as session:
        session.execute(insert(Generation), made)

    with longest_turn() as longest:
        sums = total(app)

    assert (sums.answers, sums.input_tokens, sums.cost) == (3 * SLICE + 1, 10 * len(made), Decimal("0.25") * len(made))
    assert longest.seconds < 0.3
    today = now.date()
    with app.app_context():
        parts = used_in_all(today, today + timedelta(days=1))
    assert len({part.who for part in parts}) == len(parts) == 2


@on_both_databases
def test_money_is_summed_exactly(app: Flask, ran: Ran) -> None:
    for cost in ("123456789.000000000000001", *["0.1"] * 10, "0.000000000000003"):
        ran(cost=cost)

    assert total(app).cost == Decimal("123456790.000000000000004")


@also_on_postgres
def test_what_is_unknown_is_counted_and_never_zero(app: Flask, ran: Ran) -> None:
    ran(**KNOWN)
    ran(input_tokens=7)
    ran(status="stopped", reason="user")

    assert total(app) == Sums(3, 17, 5, Decimal("0.25"), without_tokens=2, without_cost=2)


@also_on_postgres
def test_nothing_known_is_no_sum(app: Flask, ran: Ran) -> None:
    ran()

    assert total(app) == Sums(1, None, None, None, without_tokens=1, without_cost=1)


@also_on_postgres
def test_only_what_a_model_may_have_made_here_counts(app: Flask, ran: Ran) -> None:
    ran(status="failed", reason="auth")
    ran(status="running", reason="")
    ran(kind="imported", **KNOWN)
    assert total(app) == Sums()

    ran(status="failed", reason="stall")
    ran(status="failed", reason="error", upstream_id="gen-1")
    assert total(app).without_cost == 2


@on_both_databases
def test_both_days_of_a_period_count_in_utc(app: Flask, ran: Ran) -> None:
    for day, hour in ((1, 23), (2, 0), (3, 23), (4, 0)):
        ran(created_at=datetime(2026, 3, day, hour, 59 if hour else 0, tzinfo=UTC), model_used=f"day/{day}")

    with app.app_context():
        first, last = datetime(2026, 3, 2, tzinfo=UTC).date(), datetime(2026, 3, 3, tzinfo=UTC).date()
        assert [(row.day, row.model) for row in used(first, last)] == [(first, "day/2"), (last, "day/3")]


@also_on_postgres
def test_one_person_has_their_own(app: Flask, ran: Ran, owner: Browser, member: Browser) -> None:
    ran(owner, **KNOWN)
    ran(owner, created_at=utc_now() - timedelta(days=3), **KNOWN)
    ran(member, **KNOWN)

    assert total(app, user_id=owner.person_id).answers == 2
    assert total(app).cost == Decimal("0.75")


# The page


@also_on_postgres
def test_it_shows_who_used_how_much_of_what(owner: Browser, member: Browser, ran: Ran) -> None:
    ran(member, **KNOWN)
    ran(member, model_used="dear/model", input_tokens=1000, output_tokens=2000, cost="1.5")
    ran(owner, model_used="dear/model", cost=None)
    ran(None, kind="plan", **KNOWN)

    page = owner.page("/admin/usage")

    assert rows(page, "person") == [
        ["member", "$1.7500", "2", "1,010", "2,005"],
        ["Deleted accounts", "$0.2500", "1", "10", "5"],
        ["owner", "unknown", "1", "unknown", "unknown"],
    ]
    assert rows(page, "model") == [
        ["Model · Dear", "$1.5000 1 unknown", "2", "1,000", "2,000"],
        ["Model", "$0.5000", "2", "20", "10"],
    ]
    assert told(page, "Answers") == "4"
    assert told(page, "Cost") == "$2.0000 The cost of 1 answer is unknown and not included."


def test_the_demo_and_visitors_stand_apart(app: Flask, owner: Browser, ran: Ran) -> None:
    with app.app_context(), write() as session:
        session.add(Chat(id="c", visitor_hash="0" * 64, model="demo/quick"))
        session.flush()
        session.add(Message(id="m", chat_id="c", role="assistant"))
    ran(None, kind="chat", message_id="m", model_asked="demo/quick", is_demo=True)
    ran(owner, model_asked="demo/quick")
    ran(owner, is_demo=True)

    page = owner.page("/admin/usage")

    assert (told(page, "Answers"), told(page, "Cost")) == ("0", "$0")
    assert told(page, "The demo").startswith("2 answers")
    assert told(page, "Visitors").startswith("1 answer from the demo")
    assert not page.all("table")


def test_the_period_is_chosen_by_links(owner: Browser, ran: Ran) -> None:
    for days in (3, 20, 80, 100):
        ran(owner, created_at=utc_now() - timedelta(days=days))

    page = owner.page("/admin/usage")
    assert told(page, "Answers") == "2"
    assert told(page.click("7 days"), "Answers") == "1"
    assert told(page.click("90 days"), "Answers") == "3"
    for nonsense in ("8", "-7", "x", "%00", "9" * 5000):
        assert told(owner.page(f"/admin/usage?days={nonsense}"), "Answers") == "2"


def test_little_money_is_not_nothing(owner: Browser, ran: Ran) -> None:
    ran(owner, cost="0.00000001")

    assert told(owner.page("/admin/usage"), "Cost") == "under $0.0001"


def test_it_is_for_owner_and_admins(owner: Browser, admin: Browser, member: Browser, visitor: Browser) -> None:
    for path in ("/admin/usage", "/admin/usage/export.csv"):
        assert [browser.get(path).status_code for browser in (owner, admin, member, visitor)] == [200, 200, 403, 303]


def test_a_deleted_account_leaves_what_it_used_without_a_name(app: Flask, owner: Browser, member: Browser, ran: Ran) -> None:
    ran(member, **KNOWN)
    owner.post(f"/admin/people/{member.person_id}/delete", email=member.email)

    assert rows(owner.page("/admin/usage"), "person") == [["Deleted accounts", "$0.2500", "1", "10", "5"]]


def test_a_person_sees_their_own_and_admins_see_it_too(owner: Browser, member: Browser, ran: Ran) -> None:
    ran(member, **KNOWN)
    ran(owner, cost="100")

    for page in (member.page("/account"), owner.page(f"/admin/people/{member.person_id}")):
        assert (told(page, "Answers"), told(page, "Cost")) == ("1", "$0.2500")


def test_nothing_is_read_that_is_older_or_of_others(app: Flask, owner: Browser, ran: Ran) -> None:
    ran(owner, **KNOWN)

    assert plans(owner, "/admin/usage?days=7") == ["ix_generations_created_at"]
    assert plans(owner, "/account") == ["ix_generations_user_id_created_at"]


def plans(person: Browser, path: str) -> list[str]:
    """Returns the name of the index that each aggregating statement uses."""
    with person.counting_statements() as statements:
        assert person.get(path).status_code == 200
    with person.app.app_context():
        asked = [statement for statement in statements if "group_concat" in statement]
        rows = [
            db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("",) * statement.count("?"))
            for statement in asked
        ]
        return [str(row[0][3]).partition("USING INDEX ")[2].split()[0] for row in map(list, rows)]


# The spreadsheet


@also_on_postgres
def test_the_export_has_every_day_exactly_and_no_formulas(app: Flask, owner: Browser, member: Browser, ran: Ran) -> None:
    with app.app_context():
        person = queries.person(member.person_id)
        assert person
        person.name = "=cmd|' /C calc'!A0"
        db.session.commit()
    ran(member, **KNOWN)
    ran(member, cost="0.000000000000001")
    ran(owner, created_at=utc_now() - timedelta(days=40), model_asked="@some/model", cost="1")
    ran(owner, is_demo=True)

    page = owner.page("/admin/usage/export.csv?days=90")

    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert page.headers["Content-Disposition"] == 'attachment; filename="millrace-usage-90-days.csv"'
    head, early, late = csv.reader(io.StringIO(page.text.removeprefix("\ufeff")))
    assert head[:4] == ["day (UTC)", "person", "email", "model"]
    assert early[1:] == ["owner", "owner@example.org", "'@some/model", "1", "", "", "1", "1", "0", "team"]
    sums = ["2", "10", "5", "0.250000000000001", "1", "0", "team"]
    assert late == [f"{utc_now():%Y-%m-%d}", "'=cmd|' /C calc'!A0", "member@example.org", "some/model", *sums]


# Permanently deleted chats


@on_both_databases
def test_costs_outlive_the_account_its_chats_and_their_words(app: Flask, owner: Browser, member: Browser, ran: Ran) -> None:
    with app.app_context(), write() as session:
        session.add(Chat(id="c", owner_id=member.person_id, model="some/model"))
        session.flush()
        session.add(Message(id="m", chat_id="c", role="assistant", content="a secret"))
    ran(member, kind="chat", lane="chat:c", message_id="m", prompt={"system": "a secret"}, error="a secret", **KNOWN)
    ran(member, kind="imported", lane="chat:c", message_id="m", **KNOWN)

    owner.post(f"/admin/people/{member.person_id}/delete", email=member.email)

    assert rows(owner.page("/admin/usage"), "person") == [["Deleted accounts", "$0.2500", "1", "10", "5"]]
    with app.app_context():
        (left,) = db.session.scalars(select(Generation)).all()
        assert (left.prompt, left.error, left.message_id, left.user_id) == ({}, "", None, None)


@also_on_postgres
def test_visitors_answers_go_with_their_chats(app: Flask, ran: Ran) -> None:
    with app.app_context(), write() as session:
        session.add(Chat(id="c", visitor_hash="0" * 64, model="demo/quick"))
        session.flush()
        session.add(Message(id="m", chat_id="c", role="assistant"))
    ran(None, kind="chat", message_id="m", model_asked="demo/quick", is_demo=True)

    with app.app_context():
        forget_visitor("0" * 64)
        assert db.session.scalars(select(Generation)).all() == []
