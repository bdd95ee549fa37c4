"""Trying a question: as oneself and as another person, with the scores explained, and kept for evaluation."""

import pytest

from tests.support.marks import on_both_databases
from webapp.knowledge.search.bm25 import Counted, reasons
from webapp.knowledge.trying.service import measured
from webapp.settings.service import set_setting


def test_figures_of_questions():
    figures = measured([("a", ["x", "y"], "y"), ("b", ["x"], None), ("c", [], None), ("d", ["x"] * 9, "z")])
    assert (round(figures.ndcg, 3), figures.recall, figures.misses) == (0.408, 0.5, ("b", "d"))
    assert measured([]).ndcg == 0


def test_a_rare_word_tells_more_than_a_common_one_and_a_heading_more_than_a_text():
    counted = Counted(100, 1_000, {"pump": 2, "oil": 40})
    ((first, second),) = reasons([("", "oil the pump")], {"pump": "pumps", "oil": "oil", "gone": "gone"}, counted)
    assert (first.word, second.word, first.share > second.share) == ("pumps", "oil", True)
    ((head,),) = reasons([("pump", "")], {"pump": "pumps"}, counted)
    assert (head.times, head.share > first.share) == (2, True)


@pytest.mark.slow
@on_both_databases
def test_scores_are_the_sum_of_their_reasons(app, shelf, member, stranger):
    collection = shelf.collection()
    shelf.text(collection, "# Pumps\n\nOil the bearing of the pump every Friday.", title="Manual")
    shelf.text(collection, "Friday is a good day.", title="Calendar")
    for title in ("Wheels", "Gates"):
        shelf.text(collection, "Wood.", title=title)
    page = member.page("/knowledge/try?q=When+do+I+oil+the+pump+bearing+xylophone")
    assert page.one(".found a").text() == "Manual"
    assert page.one(".found .tag").text() == "given to the answer"
    assert page.says("Not found in your documents: xylophone.")
    words = page.one(".found .num.how:last-of-type").text().split(": ")
    score = float(words[0].removeprefix("Score "))
    shares = [float(part.split()[1]) for part in words[1].split(", ")]
    assert abs(sum(shares) - score) < 0.05
    # A word in half of the passages adds next to nothing, so no figures are shown.
    assert (
        member.page("/knowledge/try?q=friday").all(".found .num.how:last-of-type")[0].text()
        == "Found by common words: friday (1×)"
    )
    # The page must not reveal that documents of others contain the word.
    assert stranger.page("/knowledge/try?q=bearing+xylophone").says("Not found in your documents: xylophone, bearing.")


@pytest.mark.slow
def test_admins_look_as_others_and_that_is_written_down(shelf, others, owner, member, stranger):
    shelf.text(shelf.collection(), "Oil the bearing.", title="Manual")
    address = f"/knowledge/try?q=bearing&as={stranger.person_id}"
    assert member.get(address).status_code == 403
    assert owner.page("/knowledge/try?q=bearing").says("Nothing in your documents")
    page = owner.page(f"/knowledge/try?q=bearing&as={member.person_id}")
    assert page.one(".found a").text() == "Manual"
    assert page.says("This search was recorded in the audit log.")
    assert owner.page(address).says("Nothing in their documents")
    assert owner.page("/admin/audit").says("searched as")


@pytest.mark.slow
def test_questions_are_kept_and_measured(shelf, others, member):
    document = shelf.text(shelf.collection(), "Oil the bearing.", title="Manual")
    page = member.page("/knowledge/try?q=who+oils+it")
    fields = {"question": "who oils it", "document": document}
    assert [button.attributes["value"] for button in page.all("form button[name=document]")] == [document, ""]
    assert member.send("/knowledge/questions", fields, follow=True).says("Question saved.")
    member.send("/knowledge/questions", {**fields, "question": "oil the moon", "document": ""}, follow=True)
    page = member.send("/knowledge/questions/run", {}, follow=True)
    assert [cell.text() for cell in page.all(".figures td")] == ["Now", "2", "0.50", "50%"]
    assert page.says("Missed: No document answers it.")

    listed = shelf.program.get("/questions")["questions"]
    assert [(question["question"], question["document_id"]) for question in listed] == [
        ("who oils it", document),
        ("oil the moon", None),
    ]
    assert others.program.get("/questions")["questions"] == []
    others.program.said("DELETE", f"/questions/{listed[1]['id']}", 404)
    others.program.said("POST", "/questions", 404, {"question": "mine?", "document_id": document})
    shelf.program.said("DELETE", f"/questions/{listed[1]['id']}", 204)
    again = shelf.program.post("/questions/run")
    assert again == {"questions": 1, "ndcg_at_10": 1.0, "recall_at_5": 1.0, "misses": []}
    page = member.page("/knowledge/try")
    assert [cell.text() for cell in page.all(".figures td")][4:] == ["Before", "2", "0.50", "50%"]


def test_measuring_has_a_rate_limit(app, shelf):
    shelf.program.post("/questions", {"question": "When is a bearing oiled?"}, status=201)
    with app.app_context():
        set_setting("limits.made_per_minute", "1")
        set_setting("limits.made_burst", "1")
    statuses = [shelf.program.call("POST", "/questions/run").status_code for _ in range(3)]
    assert statuses[-1] == 429
