"""/sign-on: signing in at an OpenID provider, and everything that such a provider can do wrong."""

import time
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask import Flask

from tests.conftest import with_session
from tests.operations.sign_on.conftest import added, came_back, change, sign_on
from tests.operations.sign_on.provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.people.conftest import is_signed_in
from tests.support.browser import CROSS_SITE, Browser
from tests.support.marks import also_on_postgres
from tests.support.mcp_server import Said
from tests.support.people import PASSWORD
from tests.support.turns import nobody_waits
from webapp.base.config import ROOT
from webapp.base.db import write
from webapp.models.upstream.sign_in import SignInFailed
from webapp.operations.sign_on import openid
from webapp.people.accounts import permissions, queries, service as accounts
from webapp.people.accounts.tables import Group, PersonAuthor, User
from webapp.settings.service import set_setting


def person(app: Flask, email: str) -> User | None:
    with app.app_context():
        return queries.user_by_email(email)


def refusal(browser: Browser, id: str, server: OpenIdProvider, **instead: str) -> str:
    """Returns the sentence with which a sign-in is refused."""
    page = sign_on(browser, id, server, **instead)
    assert page.status_code in (403, 409, 422), page.text
    assert not is_signed_in(browser)
    return page.one("[role=alert]").text().strip()


@also_on_postgres
def test_the_first_sign_in_makes_an_account_and_the_next_finds_it(
    app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    assert visitor.page("/login").has("a", "Sign in with Acme")

    assert sign_on(visitor, provider_id, provider).location == "/"
    first = person(app, "ann@example.org")
    assert first
    assert (first.name, first.role, first.has_password) == ("Ann", "member", False)
    assert is_signed_in(visitor)
    # Who someone is at a provider is their subject, whatever their address is by then.
    provider.claims |= {"email": "other@example.org"}
    again = Browser(app)
    assert sign_on(again, provider_id, provider).location == "/"
    assert again.page("/account").says("ann@example.org")
    assert person(app, "other@example.org") is None


DOCUMENTATION = (ROOT / "docs" / "sign-on.md").read_text("utf-8")
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a wrong nonce": ({"nonce": "another"}, {}, "is for another sign-in than this one"),
    "no nonce": ({"nonce": None}, {}, "is for another sign-in than this one"),
    "no signature": ({}, {"alg": "none"}, "isn't signed in a way that can be believed"),
    "the public key as a secret": ({}, {"alg": "HS256"}, "isn't signed in a way that can be believed"),
    "an unknown key": ({}, {"kid": "unknown"}, "isn't signed with one of its keys"),
    "a clock ahead": ({"iat": 300}, {}, "is 5 minutes ahead of ours"),
    "a clock behind": ({"iat": -600, "exp": -300}, {}, "has expired"),
    "a time that never comes": ({"exp": float("nan")}, {}, "doesn't say from when it is"),
    "another audience": ({"aud": "someone else"}, {}, "isn't for Millrace"),
    "several audiences, of which another asked": ({"aud": ["millrace client", "x"], "azp": "x"}, {}, "can't be believed"),
    "another issuer": ({"iss": "https://other.example"}, {}, "isn't for Millrace"),
    "a subject that is no text": ({"sub": ["ann"]}, {}, "doesn't say who you are"),
    "another access token's hash": ({"at_hash": "AAAA"}, {}, "can't be believed"),
    "ten thousand groups": ({"groups": [f"group-{number}" for number in range(10_000)]}, {}, "fewer groups"),
    "five thousand numbers": ({"numbers": list(range(5_000))}, {}, "too many parts"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_token_that_is_wrong_signs_nobody_in(
    what: str, app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    provider.instead, provider.header, sentence = WRONG[what]
    now = int(time.time())
    shifted = {name: now + value for name, value in provider.instead.items() if name in ("iat", "exp") and isinstance(value, int)}
    provider.instead = {**provider.instead, **shifted}

    assert sentence in refusal(visitor, provider_id, provider)
    assert sentence in DOCUMENTATION
    assert person(app, "ann@example.org") is None


def test_what_comes_back_belongs_to_one_attempt_in_one_browser(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    url = visitor.get(f"/sign-on/{provider_id}").location
    path = f"/sign-on/{provider_id}/return?{provider.allow(url)}"

    assert Browser(app).get(path).says("wasn't begun in this browser")
    assert visitor.get(path.replace("state=", "state=x")).says("wasn't begun in this browser")
    # An attempt is over, whatever became of it.
    assert visitor.get(path).says("wasn't begun in this browser")
    assert "doesn't come from" in refusal(visitor, provider_id, provider, iss="https://other.example")
    assert "You didn't allow it" in refusal(visitor, provider_id, provider, error="access_denied")

    used = provider.allow(visitor.get(f"/sign-on/{provider_id}").location)
    assert visitor.get(f"/sign-on/{provider_id}/return?{used}").status_code == 303
    fresh = Browser(app)
    begun = fresh.get(f"/sign-on/{provider_id}").location
    state = provider.allow(begun).partition("&state=")[2]
    assert fresh.get(f"/sign-on/{provider_id}/return?{used.partition('&state=')[0]}&state={state}").says("The code is used up")

    other = OpenIdProvider()
    other_id = added(app, owner, other, name="Other")
    mixed = fresh.get(f"/sign-on/{provider_id}").location
    assert fresh.get(f"/sign-on/{other_id}/return?{provider.allow(mixed)}").says("wasn't begun in this browser")
    other.close()


def test_keys_change_and_what_a_provider_sends_is_bounded(
    app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    assert sign_on(visitor, provider_id, provider).status_code == 303
    old = provider.key
    provider.rotate()
    assert sign_on(Browser(app), provider_id, provider).status_code == 303
    new, provider.key = provider.key, old
    stale = provider.signed({"iss": provider.issuer})
    provider.key, provider.token_instead = new, Said(f'{{"id_token": "{stale}"}}'.encode())
    assert "isn't signed with one of its keys" in refusal(Browser(app), provider_id, provider)

    provider.token_instead = Said(b'{"id_token": "' + b"a" * 300_000 + b'"}')
    assert refusal(Browser(app), provider_id, provider)
    provider.token_instead = Said(b"[" * 10_000)
    assert "didn't say who you are" in refusal(Browser(app), provider_id, provider)
    deep = "[" * 20_000
    provider.token_instead = Said(f'{{"id_token": "{deep}.{deep}.a"}}'.encode())
    assert "can be read" in refusal(Browser(app), provider_id, provider)


def test_an_account_is_made_only_where_that_is_allowed(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    provider.claims |= {"sub": "eve", "email": owner.email}
    # An address leads to no account that exists, least of all to an owner's.
    assert "There is already an account with your email address" in refusal(visitor, provider_id, provider)
    provider.claims |= {"email": "eve@example.org", "email_verified": False}
    change(app, owner, provider_id, trusts_email=True)
    assert "doesn't say that your email address is verified" in refusal(visitor, provider_id, provider)
    provider.claims |= {"email_verified": True}
    change(app, owner, provider_id, domains=["example.com"], contact="it@example.com")
    assert refusal(visitor, provider_id, provider) == "Addresses like yours get no account here. Ask it@example.com."
    change(app, owner, provider_id, domains=[], required_claim="realm_access.roles", required_values=["chat"])
    assert "doesn't list you" in refusal(visitor, provider_id, provider)
    provider.claims |= {"realm_access": {"roles": ["chat"]}}
    change(app, owner, provider_id, creates_accounts=False)
    assert refusal(visitor, provider_id, provider) == "You have no account here yet. Ask it@example.com."
    # A sentence is no name.
    change(app, owner, provider_id, contact="Ask the help desk.")
    assert refusal(visitor, provider_id, provider) == "You have no account here yet. Ask the help desk."
    change(app, owner, provider_id, creates_accounts=True)
    assert sign_on(visitor, provider_id, provider).status_code == 303


@also_on_postgres
def test_claims_give_roles_groups_and_clearance_at_every_sign_in(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    with app.app_context(), write() as session:
        group = Group(name="Builders")
        session.add(group)
        session.flush()
        group_id = group.id
    with app.app_context():
        permissions.change_group(PersonAuthor(queries.user_of(owner.email)), group_id, {"plans": False})
    rows = [
        {"claim": "groups", "value": "admins", "role": "admin"},
        {"claim": "groups", "value": "builders", "group": group_id},
        {"claim": "level", "value": "2", "clearance": 2},
    ]
    change(app, owner, provider_id, claim_rows=rows)
    provider.claims |= {"groups": ["admins", "builders", "owner"], "level": 2, "role": "owner"}

    assert sign_on(visitor, provider_id, provider).status_code == 303

    def has() -> tuple[str, int, list[str], bool]:
        me = person(app, "ann@example.org")
        assert me
        with app.app_context():
            groups = [group.name for group in queries.groups_of(me.id)]
            return me.role, me.clearance, groups, permissions.may(me, "plans")

    assert has() == ("admin", 2, ["Builders"], False)
    provider.claims |= {"groups": "staff", "level": None}
    assert sign_on(visitor, provider_id, provider).status_code == 303
    assert has() == ("member", 0, [], True)
    del provider.claims["groups"]
    provider.claims |= {"_claim_names": {"groups": "src1"}}
    assert "more groups than Acme tells" in refusal(Browser(app), provider_id, provider)


@also_on_postgres
def test_the_last_owner_stays_one_and_no_claim_makes_another(
    app: Flask, owner: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    page = owner.post(f"/account/sign-on/{provider_id}", password="wrong")
    assert page.says("That isn't your current password")
    page = owner.post(f"/account/sign-on/{provider_id}", password=PASSWORD)
    assert owner.get(f"/sign-on/{provider_id}/return?{came_back(page, provider)}").location == "/account/security"
    assert owner.page("/account/security").says("Acme")
    change(app, owner, provider_id, claim_rows=[{"claim": "sub", "value": "ann", "role": "guest"}])

    assert sign_on(Browser(app), provider_id, provider).status_code == 303

    me = person(app, owner.email)
    assert me
    assert me.role == "owner"
    fields = {"name": "X", "issuer": "https://x.example", "client_id": "x", "claim": "a", "value": "b", "gives": "role:owner"}
    assert owner.post("/admin/sign-on/new", **fields).status_code == 422


@also_on_postgres
def test_a_provider_signs_people_out_by_the_back_channel(
    app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    other = Browser(app)
    sign_on(visitor, provider_id, provider)
    provider.claims |= {"sub": "bob", "email": "bob@example.org"}
    sign_on(other, provider_id, provider)
    path, server = f"/sign-on/back-channel/{provider_id}", app.test_client()
    provider.claims |= {"sub": "ann"}

    def send(token: str) -> int:
        return server.post(path, data={"logout_token": token}).status_code

    for instead in (
        {"nonce": "n"},
        {"events": {}},
        {"aud": "x"},
        {"iat": 1, "exp": None},
        {"sub": None, "sid": None},
        {"jti": None},
    ):
        assert send(provider.logout_token(**instead)) == 400
    assert send("") == 400
    provider.header = {"alg": "none"}
    assert send(provider.logout_token()) == 400
    provider.header = {}
    assert is_signed_in(visitor)

    token = provider.logout_token()
    assert send(token) == 200
    assert not is_signed_in(visitor)
    assert is_signed_in(other)
    assert send(token) == 400


def test_signing_out_leads_to_the_provider(app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str) -> None:
    sign_on(visitor, provider_id, provider)

    page = visitor.post("/logout")

    assert not is_signed_in(visitor)
    page = visitor.get(page.location)
    url = page.link("Continue").attributes["href"] or ""
    assert url.startswith(f"{provider.origin}/end?ours=1&id_token_hint=ey")
    assert "post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Flogin" in url
    assert page.headers["Refresh"] == f"0; url={url}"


def test_passwords_can_be_turned_off_and_an_owner_gets_in_by_a_command(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    with app.app_context():
        set_setting("sign_in.passwords", "false")
    assert not visitor.page("/login").has("label", "Password")
    assert visitor.post("/login", email=owner.email, password=PASSWORD).status_code == 403
    assert not is_signed_in(visitor)
    assert owner.post(f"/admin/sign-on/{provider_id}/delete").status_code == 409

    with app.app_context():
        token = accounts.sign_in_link(queries.user_of(owner.email))
    assert visitor.get(f"/password/{token}").status_code == 403
    page = visitor.page(f"/login/link/{token}").press("Sign in")
    assert page.path == "/"
    assert Browser(app).get(f"/login/link/{token}").status_code == 403
    assert Browser(app).post(f"/login/link/{token}").status_code == 403


def test_a_second_factor_is_asked_for_after_sign_on_and_a_disabled_account_stays_out(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    sign_on(visitor, provider_id, provider)
    ann = with_session(app, "ann@example.org")
    owner.post(f"/admin/people/{ann.person_id}/disable")
    assert "Your account is turned off" in refusal(Browser(app), provider_id, provider)
    assert owner.page("/admin/sign-ins").says("Acme: Your account is turned off. Ask an admin of this server.")
    assert visitor.get(f"/sign-on/{provider_id}/return", headers=CROSS_SITE | {"Sec-Fetch-Mode": "navigate"}).status_code == 422


def test_what_is_told_only_when_asked_counts_for_the_same_person_alone(
    app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    provider.about |= {"userinfo_endpoint": f"{provider.origin}/user-info"}
    provider.claims = {"sub": "ann", "name": "Ann"}
    verified = {"email": "ann@example.org", "email_verified": True}
    for user_info in ({**verified, "sub": "bob"}, verified):
        provider.user_info = user_info
        assert "doesn't say that your email address is verified" in refusal(visitor, provider_id, provider)
    provider.user_info = {"sub": "ann", "name": "x" * 300_000, **verified}
    assert "sent a reply larger than 256 KB" in refusal(visitor, provider_id, provider)
    # What the signed token says stands.
    provider.user_info = {"sub": "ann", "name": "Owner", **verified}

    assert sign_on(visitor, provider_id, provider).status_code == 303

    ann = person(app, "ann@example.org")
    assert ann
    assert ann.name == "Ann"


def test_two_providers_with_one_address_are_two_people(
    app: Flask, owner: Browser, visitor: Browser, provider: OpenIdProvider, provider_id: str
) -> None:
    assert sign_on(visitor, provider_id, provider).status_code == 303
    other = OpenIdProvider()
    other_id = added(app, owner, other, name="Other")

    # The same subject and the same verified address, at another issuer.
    assert "There is already an account with your email address" in refusal(Browser(app), other_id, other)
    # A token of the one is nothing at the other, whose keys it isn't signed with.
    provider.instead = {"iss": other.issuer}
    assert "isn't for Millrace" in refusal(Browser(app), provider_id, provider)
    other.close()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["/.well-known/openid-configuration", "/keys", "/token"])
def test_a_slow_provider_is_given_up_and_nobody_waits(where: str, app: Flask, provider: OpenIdProvider) -> None:
    client = openid.Client(provider.issuer, CLIENT_ID, CLIENT_SECRET, "", wait_seconds=1.0)
    with app.app_context():
        url, attempt = openid.begin(client, "http://localhost/return")
        returned = dict(parse_qsl(provider.allow(url)))
        provider.slow, provider.wait_seconds = where, 30.0
        with nobody_waits(), pytest.raises(SignInFailed, match="in time"):
            openid.finish(client, attempt, returned)


def test_a_reply_without_an_end_is_given_up(app: Flask, visitor: Browser, provider: OpenIdProvider, provider_id: str) -> None:
    provider.token_instead = Said(b"x" * 65_536 for _ in range(10_000))
    with nobody_waits():
        assert refusal(visitor, provider_id, provider)
