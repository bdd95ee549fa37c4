"""The pages of experiments without JavaScript, and the same in the API."""

import pytest

from tests.api.client import client_of
from tests.operations.experiments.conftest import found, played
from webapp.base.errors import AppError, Conflict
from webapp.operations.experiments import service
from webapp.operations.experiments.service import ExperimentInput
from webapp.people.accounts.tables import PersonAuthor
from webapp.prompts import queries as prompt_queries


@pytest.mark.slow
def test_an_admin_compares_two_versions_and_takes_the_better_one(app, owner, admin, publish):
    assert owner.get("/experiments/new?prompt=%00").status_code == 404
    assert "only one version" in owner.page("/experiments/new?prompt=quick").text
    publish("Answer in rhymes.")
    page = owner.page(owner.page("/prompts/quick").one("a[href^='/experiments/new']").attributes["href"])
    assert page.says("Version 2, in use")
    refused = owner.submit(page.path + "?prompt=quick", **{"share-1": "50", "share-2": "40", "control": "2"})
    assert refused.says("The shares add up to 90 %. Make that 100 %.")
    shown = owner.submit("/experiments/new?prompt=quick", **{"share-1": "50", "share-2": "50", "control": "1"})
    assert shown.says("The experiment is running.")
    assert shown.says("No answers have been made with these versions yet.")
    path = shown.path.partition("?")[0]
    assert owner.page("/prompts/quick").says("decides which version is used")
    assert owner.post("/prompts/quick/use", version="1").status_code == 409
    assert owner.post("/prompts/quick/delete").status_code == 409

    with app.app_context():
        played(path.rpartition("/")[2], 1, good=61, bad=39)
        played(path.rpartition("/")[2], 2, good=84, bad=16)
    page = owner.page(path)
    assert page.says("Use version 2 (B)")
    assert page.says("B is better: 84 % against 61 % good.")
    assert page.says("B costs 100 % more than A.")
    assert "Use version 2 (B)" in owner.page("/experiments").text

    page = owner.page(owner.post(f"{path}/shares", **{"share-1": "10", "share-2": "90", "strategy": "A_B_TEST"}).location)
    assert page.textbox("Version 2").value == "90"
    assert "Make that 100 %" in owner.post(f"{path}/shares", **{"share-1": "10", "share-2": "80"}).text
    done = owner.page(owner.post(f"{path}/stop", winner="2").location)
    assert done.says("It was stopped, and version 2 was chosen.")
    assert owner.post(f"{path}/stop", winner="1").status_code == 409
    assert "In use: version 2" in owner.page("/prompts/quick").text
    assert owner.page("/experiments").says("Version 2 was chosen")
    owner.post("/prompts/quick/use", version="1")
    assert "In use: version 1" in owner.page("/prompts/quick").text
    assert owner.page(owner.post(f"{path}/delete").location).says("Experiment deleted.")


REFUSED = (
    ({2: 100}, {}, "Compare 2 to 5 versions."),
    ({2: 50, 3: 40}, {}, "The shares add up to 90 %. Make that 100 %."),
    ({2: 0, 3: 100}, {}, "Each share must be from 1 to 99 %."),
    ({2: float("nan"), 3: 50}, {}, "Each share must be from 1 to 99 %."),
    ({2: 50, 9: 50}, {}, "There is no version 9 of this prompt."),
    ({2: 50, 3: 50}, {"outcome": "fame"}, "Choose what counts as success."),
    ({2: 50, 3: 50}, {"min_samples": 0}, "Enter a number from 1 to 10,000."),
)


def refusal(admin, weights: dict[int, float], **more: object) -> str:
    def start() -> None:
        entered = ExperimentInput.entered({"weights": weights, **more})
        service.start(prompt_queries.prompt(admin, "quick"), entered, author=PersonAuthor(admin))

    with pytest.raises(AppError) as refused:
        start()
    return str(refused.value)


def test_what_cannot_be_compared_is_refused_in_a_sentence(app, admin, publish):
    publish("Second.")
    publish("Third.")
    with app.app_context():
        for weights, more, words in REFUSED:
            assert refusal(admin, weights, **more) == words


def test_of_two_admins_the_second_is_told(app, admin, started):
    id = started()
    with app.app_context():
        assert "already running on this prompt" in refusal(admin, {2: 50, 3: 50})
        service.stop(found(id), 3, author=PersonAuthor(admin))
        with pytest.raises(Conflict, match="already been stopped"):
            service.stop(found(id), 2, author=PersonAuthor(admin))
        assert (found(id).winner, prompt_queries.prompt(admin, "quick").version) == (3, 3)


@pytest.mark.slow
def test_programs_start_read_and_stop_experiments(app, owner, member, publish):
    program = client_of(app, owner.email)
    publish("Second.")
    publish("Third.")
    arms = [{"version": 2, "weight": 50}, {"version": 3, "weight": 50}]
    program.said("PUT", "/prompts/quick/strategy", 422, {"strategy": "A_B_TEST", "weights": {"2": 50, "3": 50}})
    program.post("/experiments", {"key": "title", "arms": arms}, status=422)
    program.post("/experiments", {"key": "quick", "arms": [arms[0], arms[0]]}, status=422)
    program.post("/experiments", {"key": "nothing", "arms": arms}, status=404)
    made = program.post("/experiments", {"key": "quick", "arms": arms, "outcome": "thumbs"}, status=201)
    assert (made["status"], made["winner"], made["words"]) == (
        "running",
        None,
        "Wait. No answers have been made with these versions yet.",
    )
    assert (program.get("/prompts/quick")["strategy"], program.get("/prompts/quick")["version"]) == ("A_B_TEST", 2)
    program.post("/experiments", {"key": "quick", "arms": arms}, status=409)
    program.said("PUT", "/prompts/quick/strategy", 409, {"strategy": "LATEST"})
    program.said("PUT", "/prompts/quick/strategy", 200, {"strategy": "A_B_TEST", "weights": {"2": 20, "3": 80}})

    with app.app_context():
        played(made["id"], 2, good=20, bad=30)
        played(made["id"], 3, good=45, bad=5)
        played(made["id"], 2, good=0)
    shown = program.get(f"/experiments/{made['id']}")
    assert shown["is_imbalanced"]
    program.said("PUT", "/prompts/quick/strategy", 200, {"strategy": "BEST_PERFORMANCE", "min_samples": 40})
    program.said("PUT", "/prompts/quick/strategy", 200, {"strategy": "BEST_PERFORMANCE"})
    shown = program.get(f"/experiments/{made['id']}")
    assert (shown["winner"], shown["is_imbalanced"], shown["min_samples"]) == (3, False, 40)
    assert shown["bayes_factor"] > 10
    assert "B is better: 90 % against 40 % liked." in shown["words"]
    names = ("version", "exposures", "good", "rate", "error_rate", "ttft_p95_ms", "cost", "weight")
    assert [shown["arms"][1][name] for name in names] == [3, 50, 45, 0.9, 0.0, 347, "0.00300000", 80]
    assert program.get("/experiments")["experiments"][0]["id"] == made["id"]

    program.post(f"/experiments/{made['id']}/stop", {"winner": 7}, status=422)
    assert program.post(f"/experiments/{made['id']}/stop", {"winner": 3})["status"] == "stopped"
    program.post(f"/experiments/{made['id']}/stop", {}, status=409)
    assert (program.get("/prompts/quick")["strategy"], program.get("/prompts/quick")["version"]) == ("FIXED", 3)
    program.said("DELETE", f"/experiments/{made['id']}", 204)

    started = program.said("PUT", "/prompts/quick/strategy", 200, {"strategy": "BEST_PERFORMANCE", "min_samples": 5})
    assert started["strategy"] == "BEST_PERFORMANCE"
    found_ = program.get("/experiments")["experiments"][0]
    assert [(arm["version"], arm["letter"]) for arm in found_["arms"]] == [(1, "A"), (2, "B"), (3, "C")]
    client_of(app, member.email).said("GET", "/experiments", 403)
