"""/admin/sign-on and /api/v1/identity-providers: the providers, for admins."""

from flask import Flask

from tests.operations.sign_on.conftest import added, sign_on
from tests.operations.sign_on.provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.people.conftest import is_signed_in
from tests.support.browser import Browser
from webapp.base.db import db
from webapp.operations.sign_on.tables import IdentityProvider
from webapp.settings.service import set_setting


def test_an_admin_adds_tests_changes_and_deletes_one(app: Flask, owner: Browser, provider: OpenIdProvider) -> None:
    fields = {"name": "Acme", "issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    page = owner.submit("/admin/sign-on/new", **fields)
    assert page.says("Added"), page.one("main").text()
    id = page.path.rsplit("/", 1)[1]
    assert page.says(f"http://localhost/sign-on/{id}/return")
    assert CLIENT_SECRET not in page.text
    assert page.press("Test").says("has 1 key")
    with app.app_context():
        assert CLIENT_SECRET not in db.session.get_one(IdentityProvider, id).secret

    change = {**fields, "client_secret": "", "is_enabled": "y", "creates_accounts": "y", "default_role": "guest"}
    rows = {"claim": "groups", "value": "staff", "gives": "clearance:1"}
    assert owner.post(f"/admin/sign-on/{id}", **change, **rows).status_code == 303
    page = owner.page(f"/admin/sign-on/{id}")
    assert page.one("#claim-1").attributes["value"] == "groups"
    # An empty field keeps the secret: it still signs people in.
    visitor = Browser(app)
    assert sign_on(visitor, id, provider).location == "/"

    moved = owner.post(f"/admin/sign-on/{id}", **{**change, "issuer": "https://id.example"})
    assert moved.says("enter its client secret again")
    assert owner.post(f"/admin/sign-on/{id}", **{**change, "issuer": "http://id.example"}).says("isn't reached by https")
    provider.about["issuer"] = "https://other.example"
    assert owner.post(f"/admin/sign-on/{id}/test").says("calls itself https://other.example")

    owner.page(f"/admin/sign-on/{id}").press("Delete provider")
    assert not is_signed_in(visitor)
    assert owner.get(f"/admin/sign-on/{id}").status_code == 404


def test_programs_manage_them_and_never_see_a_secret(app: Flask, owner: Browser, provider: OpenIdProvider) -> None:
    base, client = "/api/v1/identity-providers", owner.client
    body = {"name": "Acme", "issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    reply = client.post(base, json=body)
    assert reply.status_code == 201, reply.text
    id = reply.json["id"]
    assert reply.json["has_secret"]
    assert CLIENT_SECRET not in reply.text
    assert client.post(base, json=body).status_code == 409
    assert client.post(base, json={**body, "name": "Two", "issuer": "http://id.example"}).status_code == 422
    row = {"claim": "groups", "value": "staff", "role": "owner"}
    assert client.patch(f"{base}/{id}", json={"claim_rows": [row]}).status_code == 422
    assert client.patch(f"{base}/{id}", json={"claim_rows": [{**row, "role": ""}]}).status_code == 422
    changed = client.patch(f"{base}/{id}", json={"claim_rows": [{**row, "role": "admin"}], "domains": ["@Example.org"]}).json
    assert (changed["claim_rows"][0]["role"], changed["domains"], changed["has_secret"]) == ("admin", ["example.org"], True)
    assert client.post(f"{base}/{id}/test").json == {"is_working": True, "keys": 1, "trouble": ""}
    provider.about = {}
    tested = client.post(f"{base}/{id}/test").json
    assert not tested["is_working"]
    assert tested["trouble"]
    assert client.delete(f"{base}/{id}").status_code == 204
    assert client.get(f"{base}/{id}").status_code == 404


def test_there_is_always_a_way_to_sign_in(app: Flask, owner: Browser, provider: OpenIdProvider) -> None:
    assert owner.post("/admin/sign-on", **{"sign_in.passwords": "false"}).says("Add a provider first")
    id = added(app, owner, provider)
    with app.app_context():
        set_setting("sign_in.passwords", "false")
    assert owner.client.patch(f"/api/v1/identity-providers/{id}", json={"is_enabled": False}).status_code == 409
