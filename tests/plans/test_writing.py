"""A plan from its inputs to its end, by the engine that chats use."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.plans.conftest import GOALS, LorebookEditor
from tests.plans.halting import BEGINNING, WEEK_2, WEEK_3, WEEK_4
from tests.support.marks import on_both_databases
from webapp.base.db import db
from webapp.base.errors import Conflict
from webapp.engine.duties import journal
from webapp.plans.tables import Plan
from webapp.plans.types import service as plan_type_service, validation
from webapp.plans.types.schema import missing
from webapp.plans.types.validation import Rejected
from webapp.plans.writing import service
from webapp.plans.writing.projection import PlanProjection
from webapp.streaming.events import Delta


@pytest.mark.mostly_slow
@pytest.mark.parametrize("type", ["monthly", "study"])
def test_a_plan_is_written_and_fits_its_schema(desk: LorebookEditor, type: str) -> None:
    plan = desk.made(type)

    assert (plan.status, plan.error_code, plan.partial_content) == ("completed", "", None)
    assert validation.faults(plan.content, plan.schema) == []
    assert plan.title == plan.content["title"] != ""
    assert plan.generation_started_at is not None
    generation = desk.generation(plan.id)
    assert (generation.kind, generation.lane, generation.status) == ("plan", f"plan:{plan.id}", "completed")
    assert generation.attempts == []


@pytest.mark.slow
def test_the_same_inputs_give_the_same_plan_from_the_demo(desk: LorebookEditor) -> None:
    assert desk.made().content == desk.made().content


def test_inputs_that_do_not_fit_are_refused_field_by_field(desk: LorebookEditor) -> None:
    with pytest.raises(Rejected) as refused:
        desk.begin(values={"goals": [], "hours_per_week": 90, "days_off": ["Someday"], "tone": 4})

    assert refused.value.fields == {
        "goals": "This field is missing.",
        "hours_per_week": "It must be 40 or less.",
        "days_off": "Choose one of: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday.",
        "tone": "It must be text.",
    }


def test_what_was_not_said_has_a_default(desk: LorebookEditor) -> None:
    with desk.app.app_context():
        filled = plan_type_service.get("monthly").filled({"goals": ["One"], "unheard_of": 1})

    assert filled == filled | {"goals": ["One"], "hours_per_week": 6, "days_off": [], "tone": "plain", "what_matters": ""}
    assert "unheard_of" not in filled


@pytest.mark.slow
def test_a_plan_asked_for_in_one_piece_is_the_same(desk: LorebookEditor) -> None:
    assert desk.made(is_whole=True).content == desk.made().content


@pytest.mark.slow
def test_stopped_with_two_weeks_it_keeps_them_and_can_be_finished(desk: LorebookEditor) -> None:
    desk.halting(WEEK_3)
    id = desk.begin()
    desk.until(lambda: "weeks.1" in desk.elements(id))
    with desk.at(id) as plan:
        service.stop(plan)
        service.stop(plan)
    stopped = desk.ended(id)
    assert (stopped.status, stopped.error_code) == ("partial", "cancelled")
    assert len(stopped.content["weeks"]) == 2
    assert missing(stopped.content, stopped.schema) == ["weeks.2", "weeks.3", "risks", "first_step"]
    assert stopped.partial_content
    assert stopped.partial_content.startswith('{"title"')

    desk.pace(0)
    with desk.at(id) as plan:
        service.finish_it(plan)
    finished = desk.ended(id)
    assert finished.status == "completed"
    assert finished.content["weeks"][:2] == stopped.content["weeks"]
    assert finished.content == desk.made().content
    with desk.at(id) as plan, pytest.raises(Conflict):
        service.finish_it(plan)


def test_stopped_before_anything_was_finished_it_has_failed(desk: LorebookEditor) -> None:
    desk.halting('"title":')
    id = desk.begin()
    with desk.at(id) as plan:
        service.stop(plan)
    plan = desk.ended(id)
    assert (plan.status, plan.error_code, plan.content) == ("failed", "cancelled", {})


@pytest.mark.slow
def test_one_part_is_written_anew_and_the_rest_is_locked(desk: LorebookEditor) -> None:
    plan = desk.made()
    with desk.at(plan.id) as stored:
        content = dict(stored.content)
        content["weeks"] = [dict(week, focus="Mine") for week in content["weeks"]]
        stored.content = content
        db.session.commit()
        service.again_at(stored, "weeks.1")
    again = desk.ended(plan.id)
    assert [week["focus"] for week in again.content["weeks"]] == ["Mine", plan.content["weeks"][1]["focus"], "Mine", "Mine"]
    assert again.status == "completed"


@pytest.mark.slow
def test_when_nobody_is_there_any_more_it_fails_and_keeps_what_there_is(desk: LorebookEditor) -> None:
    desk.halting(WEEK_3)
    id = desk.begin(when_unwatched="abort:1")
    plan = desk.ended(id)
    assert (plan.status, plan.error_code) == ("failed", "client_disconnected")
    assert plan.content
    assert plan.partial_content


@pytest.mark.slow
def test_a_deleted_plan_does_not_disturb_the_engine(desk: LorebookEditor) -> None:
    demo = desk.halting(BEGINNING)
    id = desk.begin(values=GOALS)
    with desk.at(id) as plan:
        db.session.delete(plan)
        db.session.commit()
    demo.go_on()
    desk.until(lambda: not desk.engine.live)


class Fails(PlanProjection):
    """A projection of a plan with a bug, at the first word or at the end."""

    when = ""

    def fold(self, entry):
        if self.when == "fold" and isinstance(entry.event, Delta):
            raise IndexError
        return super().fold(entry)

    def finish(self):
        if self.when == "finish":
            raise KeyError("main")
        return super().finish()


@pytest.mark.parametrize("when", ["fold", "finish", "mended"])
@pytest.mark.slow
def test_a_mistake_in_its_picture_keeps_all_that_was_said_as_text(desk: LorebookEditor, when: str, caplog) -> None:
    kind = desk.engine.kinds["plan"]

    def failing(generation) -> PlanProjection:
        made = kind.projection(generation)
        made.__class__, made.when = Fails, when
        if when == "mended":
            made.draft.flush = None
        return made

    desk.engine.kinds["plan"] = replace(kind, projection=failing)
    plan = desk.made()

    assert (plan.status, plan.error_code) == ("failed", "invalid")
    assert '"weeks"' in (plan.partial_content or "")
    assert desk.generation(plan.id).status == "completed"
    # The error is logged once or twice, not for every event.
    assert 1 <= sum("Traceback" in (record.exc_text or "") for record in caplog.records) <= 3

    desk.engine.kinds["plan"] = kind
    with desk.app.app_context():
        service.finish_it(db.session.get_one(Plan, plan.id))
    assert desk.ended(plan.id).status == "completed"


@on_both_databases
def test_the_text_is_in_the_database_while_it_is_written(desk: LorebookEditor) -> None:
    demo = desk.halting(WEEK_2, WEEK_4)
    id = desk.begin()
    desk.until(lambda: '"weeks"' in (desk.plan(id).partial_content or ""))
    first = desk.plan(id)
    assert (first.status, first.content) == ("generating", {})
    demo.go_on()
    desk.until(lambda: len(desk.plan(id).partial_content or "") > len(first.partial_content or ""))
    assert (desk.plan(id).partial_content or "").startswith(first.partial_content or "?")
    demo.go_on()
    assert (desk.ended(id).status, desk.plan(id).partial_content) == ("completed", None)


@pytest.mark.parametrize(
    ("chars", "saved_chars", "seconds", "is_due"),
    [
        (1, 0, float("inf"), True),
        (100, 50, 0.9, False),
        (100, 50, 1.0, True),
        (100, 100, 60.0, False),
        (10 * journal.TEXT_CHARS_PER_SECOND, 1, 9.9, False),
        (10 * journal.TEXT_CHARS_PER_SECOND, 1, 10.0, True),
    ],
)
def test_a_long_text_is_saved_less_often(chars: int, saved_chars: int, seconds: float, is_due: bool) -> None:
    assert journal.is_text_due(chars, saved_chars=saved_chars, seconds=seconds) is is_due


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_a_plan_that_is_locked_keeps_no_other_text_from_being_saved(desk: LorebookEditor) -> None:
    demo = desk.halting(WEEK_2, WEEK_4)
    locked, beside = desk.begin(), desk.begin()
    desk.until(lambda: all(desk.plan(id).partial_content for id in (locked, beside)))
    before = desk.plan(beside).partial_content or ""
    with desk.app.app_context(), db.engine.connect() as stranger:
        stranger.execute(text("SELECT 1 FROM plans WHERE id = :id FOR UPDATE"), {"id": locked})
        demo.go_on()
        # Less than a lock timeout.
        desk.until(lambda: len(desk.plan(beside).partial_content or "") > len(before), 8)
    demo.go_on()
    assert [desk.ended(id).status for id in (locked, beside)] == ["completed"] * 2
