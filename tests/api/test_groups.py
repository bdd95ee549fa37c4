"""Groups in the API for admins, from creation to deletion."""

from tests.api.client import client_of


def test_a_group_from_its_making_to_its_end(app, owner, member):
    admin, program = client_of(app, owner.email), client_of(app, member.email)
    group = admin.post("/groups", {"name": "finance"}, status=201)
    assert group["members"] == []
    admin.post("/groups", {"name": "Finance"}, status=409)

    inside = admin.said("PUT", f"/groups/{group['id']}/members/{member.person_id}", 200)
    assert inside["members"] == [{"id": member.person_id, "email": member.email, "name": inside["members"][0]["name"]}]
    assert admin.get("/groups") == {"groups": [inside]}
    assert admin.said("PATCH", f"/groups/{group['id']}", 200, {"name": "money"})["name"] == "money"

    # Members see what is shared with their group.
    collection = admin.post("/collections", {"name": "Budget"}, status=201)["id"]
    admin.said("PUT", f"/collections/{collection}/grants", 200, {"to": "group", "to_id": group["id"]})
    everyone = {"to": "everyone", "to_id": None}
    assert admin.said("PUT", f"/collections/{collection}/grants", 200, everyone)["grants"][1]["to_id"] == ""
    admin.said(
        "DELETE", f"/collections/{collection}/grants/" + admin.get(f"/collections/{collection}/grants")["grants"][1]["id"], 204
    )
    assert [row["id"] for row in program.get("/collections")["collections"]] == [collection]
    admin.said("DELETE", f"/groups/{group['id']}/members/{member.person_id}", 204)
    assert program.get("/collections")["collections"] == []
    admin.said("DELETE", f"/groups/{group['id']}", 204)
    admin.said("GET", f"/groups/{group['id']}", 404)
    program.said("GET", "/groups", 403)
