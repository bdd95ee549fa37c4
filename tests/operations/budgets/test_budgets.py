"""Budgets: who is refused before a model is called, which answers are ended early, and what people see of it."""

import io
from decimal import Decimal
from functools import partial

import gevent
import pytest
from PIL import Image

from tests.api.client import client_of
from tests.operations.budgets.conftest import answered, level
from tests.support.marks import also_on_postgres
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, write
from webapp.operations.budgets import service
from webapp.operations.budgets.tables import Budget
from webapp.people.accounts import tokens
from webapp.people.accounts.permissions import allowed_scopes
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import groups
from webapp.settings.service import setting


@pytest.mark.slow
def test_a_used_up_budget_refuses_before_the_model_is_asked(app, program, owner, made, fake):
    fake.says("Well.")
    budget = made(2)
    for _ in range(2):
        answered(program)
    assert level(program, budget) == (2, 0)

    asked = len(fake.posts())
    refused = program.call("POST", "/chats", {"message": "Once more"}, buffered=True)
    problem = refused.json
    assert (refused.status_code, problem["code"], problem["budget_id"]) == (402, "over_budget", budget["id"])
    assert problem["resets_at"] == program.get(f"/budgets/{budget['id']}")["resets_at"]
    assert 0 < int(refused.headers["Retry-After"]) <= 31 * 86_400
    door = program.call("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}, buffered=True)
    assert (door.status_code, door.json["error"]["code"]) == (429, "insufficient_quota")
    assert door.headers["Retry-After"]
    # The page keeps the typed text and says why it was refused.
    page = owner.post("/chats", message="My words", key="")
    assert page.status_code == 402
    assert page.says("The team's budget of 2 answers per month is used up. It resets on")
    assert page.says("My words")
    assert len(fake.posts()) == asked

    program.said("PATCH", f"/budgets/{budget['id']}", 200, {"limit": 10})
    assert not owner.page("/").says("The team's budget")
    answered(program)
    assert level(program, budget) == (3, 0)


@pytest.mark.slow
def test_another_time_zone_leaves_what_was_used(app, program, owner, made, fake):
    fake.says("Well.")
    zones = ("Etc/GMT+11", "Etc/GMT-13")
    program.said("PUT", "/settings/team.time_zone", 200, {"value": zones[0]})
    budget = made(5, period="month")
    answered(program)
    # Their months begin a day apart.
    program.said("PUT", "/settings/team.time_zone", 200, {"value": zones[1]})
    assert level(program, budget) == (1, 0)
    assert program.get("/budgets")["budgets"][0]["used"] == 1
    program.said("PUT", "/settings/team.time_zone", 200, {"value": "Etc/GMT-12"})
    assert owner.page("/admin/budgets").says("1 of 5 answers used")
    answered(program)
    assert level(program, budget) == (2, 0)
    # Back again, the answers in between count as well.
    program.said("PUT", "/settings/team.time_zone", 200, {"value": zones[0]})
    assert level(program, budget) == (2, 0)


@pytest.mark.slow
def test_what_is_left_is_said_from_the_warning_on(program, owner, member, made, fake):
    fake.says("Well.")
    made(5)
    for _ in range(3):
        answered(program)
    assert not owner.page("/").says("answers left")
    answered(program)
    assert owner.page("/").says("The team's budget: 1 of 5 answers left until")
    assert member.page("/budgets").says("4 of 5 answers used")
    assert member.page("/budgets").says("resets on 1 ")


@pytest.mark.slow
def test_an_answer_that_passes_its_budget_is_ended_and_corrected_later(program, owner, made, fake):
    fake.always({"status": 404}, at="/generation")
    budget = made(300, "tokens")
    program.said("PUT", "/settings/models.max_tokens", 200, {"value": "40"})
    # The upstream then stalls, so no more arrives however much is read in one go.
    fake.counts(2_000, stall_after=300)
    sent = program.post("/chats", {"message": "Count", "model": "fake/plain"}, status=201)["sent"]
    message = program.ended(sent)
    ran = program.get(f"/generations/{sent['generation_id']}")
    assert (ran["status"], ran["reason"]) == ("completed", "budget")
    assert message["content"].startswith("w000001 w000002")
    used, reserved = level(program, budget)
    # Exceeded by one reservation at most, and by what arrived in one chunk.
    assert 300 <= used < 1_000
    assert reserved == 0
    page = owner.page(f"/chats/{program.get('/chats')['chats'][0]['id']}")
    assert page.says("The answer ended here because its budget is used up.")
    program.said("POST", "/chats", 402, {"message": "More"})

    # The cost that the provider reports later replaces the estimate.
    counted = {"id": "gen-1", "total_cost": 0.00012, "tokens_prompt": 10, "tokens_completion": 5}
    fake.always({"json": {"data": counted}}, at="/generation")
    with gevent.Timeout(60):
        while level(program, budget) != (15, 0):
            gevent.sleep(0.1)


@pytest.mark.slow
def test_pictures_count_where_no_server_does(program, made, fake):
    fake.says("Well.", sends_usage=False)
    budget = made(100_000, "tokens")
    file = io.BytesIO()
    Image.new("RGB", (8, 6)).save(file, "PNG")
    form = {"file": (io.BytesIO(file.getvalue()), "a.png")}
    kind = "multipart/form-data"
    sent = program.client.post("/api/v1/files", data=form, headers=program.headers, content_type=kind, buffered=True).json
    program.ended(program.post("/chats", {"message": "See", "file_ids": [sent["id"]]}, status=201)["sent"])
    with gevent.Timeout(60):
        while level(program, budget)[1]:
            gevent.sleep(0.02)
    assert 1_500 < level(program, budget)[0] < 2_000


@pytest.mark.slow
def test_ten_at_once_cannot_overspend(program, made, fake):
    fake.says("Well.")
    budget = made(3)
    calls = [gevent.spawn(program.call, "POST", "/chats", {"message": "Hello"}, buffered=True) for _ in range(10)]
    statuses = sorted(call.get(timeout=60).status_code for call in calls)
    assert statuses == [201] * 3 + [402] * 7
    with gevent.Timeout(60):
        while level(program, budget) != (3, 0):
            gevent.sleep(0.02)


@pytest.mark.slow
def test_money_counts_by_cost_or_by_an_estimate_and_outlives_its_chat(program, made, fake):
    # The later lookup fails too, so that it cannot change the figures of a slow test.
    fake.always({"status": 404}, at="/generation")
    budget = made(1, "usd", period="day")
    fake.says("Well.", cost=0.25)
    answered(program)
    assert level(program, budget) == (0.25, 0)
    # If a server reports an invalid cost, the estimate counts.
    fake.says("Well.", cost=-5)
    answered(program)
    used, _ = level(program, budget)
    assert 0.25 < used < 0.26
    for chat in program.get("/chats")["chats"]:
        program.said("DELETE", f"/chats/{chat['id']}", 204)
    assert level(program, budget) == (used, 0)
    # A new budget includes what was used before it was created.
    assert made(2, "usd", period="day")["used"] == pytest.approx(used, abs=0.01)


def test_a_failed_request_costs_nothing(program, made, fake):
    budget = made(5)
    fake.always({"status": 401, "json": {"error": {"message": "No"}}})
    answered(program)
    assert level(program, budget) == (0, 0)


@pytest.mark.slow
def test_each_budget_counts_what_it_is_for(app, program, owner, member, made, fake):
    fake.says("Well.")
    with app.app_context():
        boss, person = db.session.get_one(User, owner.person_id), db.session.get_one(User, member.person_id)
        group = groups.create("Writers", author=PersonAuthor(boss))
        groups.put_in(group, person.id, author=PersonAuthor(boss))
        secret = tokens.make_token(person, "mine", allowed_scopes(person))
        group_id, token_id = group.id, person.id and db.session.scalar(db.text("SELECT id FROM api_tokens ORDER BY id DESC"))
    character = program.post("/characters", {"name": "Ada", "description": "A mathematician."}, status=201)
    budgets = {
        "group": made(50, who="group", who_id=group_id),
        "user": made(50, who="user", who_id=member.person_id),
        "token": made(50, who="token", who_id=token_id),
        "character": made(50, who="character", who_id=character["id"]),
        "model": made(50, model="fake/other"),
    }
    theirs = client_of(app, member.email)
    theirs.headers = {"Authorization": f"Bearer {secret}"}
    answered(theirs)
    answered(client_of(app, member.email))
    chat = program.post("/chats", {"character_id": character["id"]}, status=201)["chat"]
    program.ended(program.post(f"/chats/{chat['id']}/messages", {"message": "Hello"}, status=202))
    counts = {name: level(program, budget)[0] for name, budget in budgets.items()}
    assert counts == {"group": 2, "user": 2, "token": 1, "character": 1, "model": 0}
    assert {budget["id"] for budget in theirs.get("/budgets")["budgets"]} == {
        budgets[name]["id"] for name in ("group", "user", "token", "model")
    }
    theirs.said("GET", f"/budgets/{budgets['character']['id']}", 404)


@pytest.mark.slow
@also_on_postgres
def test_of_several_characters_the_one_who_speaks_is_counted_now_and_afterwards(app, program, made, fake):
    fake.says("Well.")
    ids = [program.post("/characters", {"name": name, "description": "Who?"}, status=201)["id"] for name in ("Ada", "Bo")]
    alone = program.post("/chats", {"character_id": ids[0]}, status=201)["chat"]["id"]
    group = program.post("/chats", {"character_ids": ids}, status=201)["chat"]["id"]
    before = [made(50, who="character", who_id=id) for id in ids]
    for chat, speaker in ((alone, ids[0]), (group, ids[1]), (group, ids[1]), (group, ids[0])):
        program.ended(program.post(f"/chats/{chat}/messages", {"message": "Hello", "character_id": speaker}, status=202))

    after = [made(50, who="character", who_id=id) for id in ids]

    assert [level(program, budget)[0] for budget in (*before, *after)] == [2, 2, 2, 2]


@pytest.mark.slow
def test_without_budgets_nothing_is_asked(app, owner, program, made, fake):
    fake.says("Well.")
    with owner.counting_statements(of_all=True) as statements:
        answered(program)
    assert not [statement for statement in statements if "budget" in statement.replace("budgets.enabled", "")]
    budget = made(5)
    program.said("DELETE", f"/budgets/{budget['id']}", 204)
    with owner.counting_statements(of_all=True) as statements:
        answered(program)
    assert not [statement for statement in statements if "budget" in statement.replace("budgets.enabled", "")]


@pytest.mark.slow
def test_one_that_is_created_while_the_last_is_deleted_counts(app, made):
    for _ in range(5):
        last = made(5)["id"]
        with app.app_context(), write():
            # Both wait for the same lock; whichever gets it first, exactly one budget is left.
            doing = [gevent.spawn(within, app, work) for work in (partial(remove, last), create_another)]
            gevent.sleep(0.05)
        gevent.joinall(doing, raise_error=True)

        with app.app_context():
            assert setting("budgets.enabled") is True
            for budget in db.session.scalars(db.select(Budget)).all():
                service.remove(budget, author=COMMAND_LINE)
            assert setting("budgets.enabled") is False


def within(app, work):
    with app.app_context():
        work()


def remove(id):
    service.remove(db.session.get_one(Budget, id), author=COMMAND_LINE)


def create_another():
    service.create(service.BudgetInput(who="team", unit="answers", limit=Decimal(7), period="day"), author=COMMAND_LINE)


@pytest.mark.slow
def test_an_admin_makes_changes_and_deletes_a_budget_in_the_browser(owner, member):
    page = owner.submit("/admin/budgets", subject=f"user:{member.person_id}", limit="$1,5", unit="usd", period="week")
    assert page.says("Person: member")
    assert page.says("$0.00 of $1.50 used this week")
    wrong = owner.post("/admin/budgets", subject="user:nobody", limit="12", unit="usd", period="week", warn_at="80")
    assert wrong.status_code == 422
    assert wrong.says("There is no such person.")
    assert owner.post("/admin/budgets", subject="team:", limit="much", unit="usd", period="day", warn_at="80").says(
        "Enter a number."
    )
    (link,) = owner.page("/admin/budgets").all(".entries a")
    path = str(link.attributes["href"])
    assert owner.submit(path, limit="20", warn_at="50").says("$20.00 per week")
    assert owner.post(path, limit="20", warn_at="500").says("Enter a percentage from 1 to 100.")
    owner.post(f"{path}/delete")
    assert owner.page("/admin/budgets").says("No budgets yet.")
    assert owner.page("/admin/audit").says("deleted a budget")


def test_a_budget_names_a_model_that_there_is(owner):
    usual = {"subject": "team:", "limit": "5", "unit": "answers", "period": "day", "warn_at": "80"}
    wrong = owner.post("/admin/budgets", **usual, model="demo/typo")
    assert wrong.status_code == 422
    assert wrong.says("No connection lists “demo/typo”.")
    assert owner.page("/admin/budgets").all("#model-ids option")
    assert owner.submit("/admin/budgets", limit="5", unit="answers", model="fake/other").says("Budget created.")


def test_the_time_zone_is_one(program):
    program.said("PUT", "/settings/team.time_zone", 422, {"value": "Mars/Olympus"})
    program.said("PUT", "/settings/team.time_zone", 200, {"value": "Europe/Berlin"})


def test_the_model_of_a_budget_is_chosen_with_the_picker_and_can_be_all(owner):
    page = owner.page("/admin/budgets")

    assert page.one("button.picker [data-chosen]").text() == "All models"
    assert page.one("#model").attributes["class"] == "without-js"
    rows = owner.get("/models", query={"field": "model"}, headers={"HX-Request": "true"}).all("[data-model]")
    assert rows[0].attributes["title"] == "All models"
