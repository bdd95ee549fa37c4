"""Providers as people have them: Keycloak, Authentik, Entra, Google and Okta, in the shape of what they send."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask

from tests.operations.sign_on.conftest import added, sign_on
from tests.operations.sign_on.provider import OpenIdProvider
from tests.support.browser import Browser
from webapp.people.accounts import queries

TENANT = "8d3f7a52-0b2c-4b1e-9a4e-3f1d5c6b7a80"
STAFF = {"claim": "groups", "value": "millrace-admins", "role": "admin"}


@dataclass
class Shape:
    """`path` is that of the issuer, `entered` what an admin enters for it."""

    path: str
    claims: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)
    entered: dict[str, Any] = field(default_factory=dict)
    role: str = "admin"
    refusal: str = ""


SHAPES = {
    "Keycloak": Shape(
        "/realms/team",
        {
            "azp": "millrace client",
            "typ": "ID",
            "acr": "1",
            "preferred_username": "ann",
            "given_name": "Ann",
            "email": "ann@example.org",
            "email_verified": True,
            "groups": ["/staff"],
            "realm_access": {"roles": ["offline_access", "millrace-admin"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
        },
        {
            "backchannel_logout_supported": True,
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
        },
        {"claim_rows": [{"claim": "realm_access.roles", "value": "millrace-admin", "role": "admin"}]},
    ),
    "Authentik": Shape(
        "/application/o/millrace/",
        {"email": "ann@example.org", "email_verified": True, "preferred_username": "ann", "groups": ["millrace-admins"]},
        entered={"claim_rows": [STAFF]},
    ),
    "Authentik without a scope mapping": Shape(
        "/application/o/millrace/",
        {"email": "ann@example.org", "email_verified": False, "groups": ["millrace-admins"]},
        entered={"claim_rows": [STAFF], "trusts_email": True},
        refusal="doesn't say that your email address is verified",
    ),
    "Entra": Shape(
        f"/{TENANT}/v2.0",
        {
            "ver": "2.0",
            "tid": TENANT,
            "oid": "00000000-0000-0000-66f3-3332eca7ea81",
            "uti": "x",
            "rh": "x",
            "preferred_username": "ann@example.org",
            "name": "Ann Lee",
            "roles": ["Millrace.Admin"],
        },
        {"authorization_response_iss_parameter_supported": False},
        {"trusts_email": True, "claim_rows": [{"claim": "roles", "value": "Millrace.Admin", "role": "admin"}]},
    ),
    "Entra with more groups than it tells": Shape(
        f"/{TENANT}/v2.0",
        {
            "preferred_username": "ann@example.org",
            "_claim_names": {"groups": "src1"},
            "_claim_sources": {"src1": {"endpoint": "https://graph.windows.net/x/users/y/getMemberObjects"}},
        },
        entered={"trusts_email": True, "claim_rows": [STAFF]},
        refusal="You are in more groups than Acme tells",
    ),
    "Google": Shape(
        "",
        {
            "email": "ann@example.org",
            "email_verified": True,
            "hd": "example.org",
            "picture": "https://x.example/a",
            "azp": "millrace client",
        },
        {"end_session_endpoint": None, "authorization_response_iss_parameter_supported": None},
        {"required_claim": "hd", "required_values": ["example.org"]},
        role="member",
    ),
    "Google, from elsewhere": Shape(
        "",
        {"email": "ann@gmail.com", "email_verified": True},
        entered={"required_claim": "hd", "required_values": ["example.org"]},
        refusal="doesn't list you among those who can use Millrace",
    ),
    "Okta": Shape(
        "",
        {
            "email": "ann@example.org",
            "email_verified": True,
            "ver": 1,
            "amr": ["pwd"],
            "idp": "00o1",
            "groups": ["Everyone", "millrace-admins"],
        },
        entered={"scopes": "profile email groups", "claim_rows": [STAFF]},
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_people_of_a_common_provider_get_what_it_says(name: str, app: Flask, owner: Browser, provider: OpenIdProvider) -> None:
    shape = SHAPES[name]
    provider.issuer = provider.origin + shape.path
    provider.about |= {"issuer": provider.issuer, **shape.about}
    provider.claims = {"sub": "248289761001", **shape.claims}
    id = added(app, owner, provider, **shape.entered)
    visitor = Browser(app)

    page = sign_on(visitor, id, provider)

    if shape.refusal:
        assert shape.refusal in page.one("[role=alert]").text()
        return
    assert page.location == "/", page.text
    with app.app_context():
        ann = queries.user_by_email("ann@example.org")
        assert ann
        assert ann.role == shape.role
    # Signing out leads there only where it can be done there.
    leaves = visitor.post("/logout").location
    page = visitor.get(leaves)
    assert page.has("a", "Continue") == (provider.about["end_session_endpoint"] is not None)
