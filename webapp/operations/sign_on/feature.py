"""The sign-on feature: its pages, the buttons that it adds to the sign-in page, and its secrets."""

from webapp.operations.sign_on import service, sign_in_views, sign_ins, views
from webapp.people.accounts.sign_on import SignOn
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=(views.bp, sign_in_views.bp),
    brings=(service.HOLDER, SignOn(sign_ins.buttons, sign_ins.leaving)),
    setting_checks={"sign_in.passwords": service.check_passwords},
    navigation=(
        NavEntry(
            words="Sign-on",
            path="/admin/sign-on",
            icon="shield-check",
            under="People",
            rank=15,
            also="openid connect oidc sso keycloak entra google authentik password login",
            right="administer",
            about="Providers that people sign in with, and what they get here.",
        ),
    ),
)
