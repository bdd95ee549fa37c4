"""The sign-on feature: its pages, the buttons that it adds to the sign-in page, and its secrets."""

from webapp.operations.sign_on import log, service, sign_ins
from webapp.people.accounts.sign_on import SignOn
from webapp.people.audit_words import AuditObjects
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=(
        "webapp.operations.sign_on.views:bp",
        "webapp.operations.sign_on.sign_in_views:bp",
        "webapp.operations.sign_on.log_views:bp",
    ),
    brings=(
        service.HOLDER,
        SignOn(sign_ins.buttons, sign_ins.leaving, sign_ins.confirming),
        AuditObjects("session", log.session_words),
    ),
    setting_checks={"sign_in.passwords": service.check_passwords},
    navigation=(
        NavEntry(
            title="Single sign-on",
            path="/admin/sign-on",
            icon="log-in",
            under="People",
            rank=15,
            also="openid connect oidc sso keycloak entra google authentik password login",
            right="administer",
            about="Providers for single sign-on, and the access they give.",
        ),
        NavEntry(
            title="Sign-in log",
            path="/admin/sign-ins",
            icon="history",
            under="People",
            rank=17,
            also="log logins refused reported devices",
            right="administer",
            about="Who signed in, when and how, and who was refused.",
        ),
        NavEntry(
            title="Sign-ins",
            path="/account/sign-ins",
            icon="clock",
            rank=87,
            also="log logins devices refused wasn't me",
            about="When and how you signed in, and what to do if it wasn't you.",
            is_own=True,
        ),
    ),
)
