"""Which version a person is assigned, that the assignment is stable, and how many statements that costs."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.chat.conftest import asked, ended, until_settled
from tests.operations.experiments.conftest import found, played
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.base.errors import Conflict
from webapp.chat.record.tables import Chat
from webapp.engine.tables import Generation
from webapp.operations.experiments import monitoring, service
from webapp.operations.experiments.service import ShareInput
from webapp.operations.health.worker_metrics import METRICS
from webapp.people.accounts.tables import PersonAuthor
from webapp.prompts import active_prompts, arm_choice
from webapp.prompts.active_prompts import PromptVersions
from webapp.prompts.arm_choice import ExperimentUnit
from webapp.prompts.tables import BEST_PERFORMANCE, Exposure, PromptVersion

SAID = {"Answer in rhymes.": (2, "A"), "Answer in prose.": (3, "B")}


def given(unit: ExperimentUnit) -> int:
    return active_prompts.render("quick", unit).version.number


@pytest.mark.slow
@also_on_postgres
def test_a_person_keeps_a_version_and_the_answer_says_which(app, owner, fake, started):
    id = started()
    fake.says("One")
    path = owner.post("/chats", message="First").location.partition("#")[0]
    page = owner.wait_for(path, ended)
    version, letter = SAID[asked(fake)[-1]["body"]["messages"][0]["content"]]
    assert f"Version {version} of quick, arm {letter}" in page.all(".receipt")[-1].text()

    until_settled(app)
    fake.says("Two")
    with owner.counting_statements() as statements:
        owner.post(f"{path}/messages", message="Second")
    # One reads what this chat was assigned, one records the answer; the background task's queries differ.
    own = [
        statement.split()[0]
        for statement in statements
        if "exposures.id DESC" in statement or statement.startswith("INSERT INTO exposures")
    ]
    assert own == ["SELECT", "INSERT"]
    owner.wait_for(path, ended)

    told = f'millrace_prompt_exposures_total{{key="quick",version="{version}"}} 2.0'
    assert told in METRICS.of(app).text().decode()
    with app.app_context():
        rows = db.session.query(Exposure).all()
        assert {(row.experiment_id, row.version, row.unit) for row in rows} == {(id, version, owner.person_id)}
        assert {row.generation_id for row in rows} == {generation.id for generation in db.session.query(Generation)}
        chat = db.session.query(Chat).one()
        assert {row.lane for row in rows} == {chat.lane}
        assert [given(ExperimentUnit(owner.person_id, f"chat:{number}")) for number in range(5)] == [version] * 5


def test_shares_are_kept_and_a_chat_keeps_its_version_when_they_change(app, admin, started):
    id = started({2: 50, 3: 50})
    with app.app_context():
        people = [f"person {number}" for number in range(400)]
        before = {person: given(ExperimentUnit(person, f"chat:{person}")) for person in people}
        counts = Counter(before.values())
        assert 150 < counts[2] < 250
        first = next(person for person in people if before[person] == 2)
        with db.session.begin_nested():
            db.session.add(Exposure(experiment_id=id, version=2, lane="chat:old", unit=first, generation_id="g"))
        db.session.commit()

        service.weigh(found(id), ShareInput(weights={2: 1, 3: 99}), author=PersonAuthor(admin))
        after = {person: given(ExperimentUnit(person, f"chat:{person}")) for person in people}
        assert {(before[person], after[person]) for person in people if before[person] != after[person]} == {(2, 3)}
        moved = next(person for person in people if before[person] != after[person])
        assert given(ExperimentUnit(moved, "chat:old")) == 2


def test_the_best_one_is_given_more_often_after_the_first_samples(app, started):
    id = started(method=BEST_PERFORMANCE, min_samples=10)
    with app.app_context():
        first = Counter(given(ExperimentUnit("", f"chat:{number}")) for number in range(20))
        assert first == {2: 10, 3: 10}
        played(id, 2, good=5, bad=45)
        played(id, 3, good=45, bad=5)
        monitoring.check(found(id))
        later = Counter(given(ExperimentUnit("", f"later:{number}")) for number in range(200))
        assert later[3] > 150


def test_what_cannot_be_filled_in_falls_back_to_the_control_and_does_not_count(app, started):
    started()
    with app.app_context():
        with write() as session:
            row = session.query(PromptVersion).filter_by(number=3).one()
            row.sections = [{"name": "How", "text": "Answer in {{nonsense}}."}]
        active_prompts.forget()
        every = [active_prompts.render("quick", ExperimentUnit(f"person {number}", f"chat:{number}")) for number in range(40)]
        assert {rendered.version.number for rendered in every} == {2}
        fell = [rendered for rendered in every if rendered.problems]
        assert 0 < len(fell) < 40
        assert all(rendered.arm is None for rendered in fell)
        versions = PromptVersions.from_rendered(fell[0])
        assert "arms" not in versions.as_record()
        said = "Version 3 of the prompt “quick” can't be used (unknown: nonsense), so an earlier text was used."
        assert [notice.message for notice in versions.notices] == [said]


def test_a_paused_arm_is_given_to_nobody(app, admin, started):
    id = started()
    with app.app_context():
        played(id, 2, good=30)
        played(id, 3, good=10, broken=10)
        monitoring.check(found(id))
        assert {given(ExperimentUnit(f"person {number}", f"chat:{number}")) for number in range(50)} == {2}
        with pytest.raises(Conflict, match="running"):
            service.remove(found(id), author=PersonAuthor(admin))


def test_another_request_for_the_same_answer_gets_the_same_arm(app, started):
    started()
    with app.app_context():
        first = active_prompts.render("quick", ExperimentUnit("somebody", "chat:1"))
        other = 5 - first.version.number
        versions = PromptVersions.from_record(PromptVersions.from_rendered(first).as_record())
        assert versions.label == f"version {first.version.number} of quick, arm {'AB'[first.version.number - 2]}"
        assert active_prompts.render("quick", arm_choice.again(versions.arms)).version == first.version
        others = [replace(arm, version=other) for arm in versions.arms]
        assert active_prompts.render("quick", arm_choice.again(others)).version.number == other
