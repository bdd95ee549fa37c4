"""What happens to collections when their owner's account is deleted, and how much space they use."""

import pytest
from sqlalchemy import select

from tests.api.client import client_of
from webapp.base.audit import AuditEntry
from webapp.base.db import db
from webapp.knowledge.tables import Collection


@pytest.mark.slow
def test_an_heir_keeps_the_collections(app, owner, member, stranger, shelf, others, owners_shelf):
    given, private = shelf.collection("Papers"), shelf.collection("Diary")
    shelf.text(given, "Oil the bearing every Friday.")
    shelf.program.said("PUT", f"/collections/{given}/grants", 200, {"to": "everyone", "right": "read"})
    page = owner.page("/admin/health")
    assert page.says("Papers")
    assert page.says("1 document.")
    assert "Diary" not in page.text

    member_id, fields = member.person_id, {"email": member.email, "hand_over": "collections"}
    form = owner.page(f"/admin/people/{member_id}").form("Delete account")
    wrong = form.submit(**fields, heir=member_id)
    assert wrong.says("Choose someone else with an account to hand things over to.")
    receipt = wrong.form("Delete account").submit(**fields, heir=stranger.person_id)
    assert receipt.says(f"Handed over to {stranger.email}")

    assert {collection["id"] for collection in others.program.get("/collections")["collections"]} == {given, private}
    # Those who could read a collection still can, and no one else can.
    assert [collection["id"] for collection in owners_shelf.program.get("/collections")["collections"]] == [given]
    with app.app_context():
        said = db.session.scalars(select(AuditEntry.detail).where(AuditEntry.action == "deleted an account")).all()
        assert said == [f"deleted account {member_id[-6:]}: collections to {stranger.email}"]


def test_without_an_heir_they_go_with_the_account(app, owner, member, shelf):
    shelf.collection()
    program, query = client_of(app, owner.email), {"email": member.email}
    for nobody in ({"collections_to": "0" * 26}, {"hand_over_to": "0" * 26, "hand_over": "collections"}):
        assert program.call("DELETE", f"/users/{member.person_id}", query={**query, **nobody}).status_code == 422
    receipt = program.said("DELETE", f"/users/{member.person_id}", 200, query=query)
    assert (receipt["heir"], receipt["left"]) == ("", [])
    assert {"words": "collections", "count": 1, "fate": "erased"} in receipt["lines"]
    with app.app_context():
        assert not db.session.scalars(select(Collection)).all()
