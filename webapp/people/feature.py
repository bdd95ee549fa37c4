"""The feature definition of accounts: pages for sign-in, your account, people, groups and the audit log, and commands."""

from webapp.people.audit_words import SETTING_OBJECTS
from webapp.people.receipts import keys as receipt_keys
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=(
        "webapp.people.pages.views:bp",
        "webapp.people.pages.account_views:bp",
        "webapp.people.pages.people_views:bp",
        "webapp.people.pages.group_views:bp",
        "webapp.people.pages.permission_views:bp",
        "webapp.people.pages.audit_views:bp",
        "webapp.people.receipts.views:bp",
    ),
    requires={"account.make_token": "api"},
    brings=(SETTING_OBJECTS, receipt_keys.HOLDER),
    commands={
        "users": "webapp.people.members.commands:users",
        "tokens": "webapp.people.accounts.commands:tokens",
        "erase": "webapp.people.members.commands:erase",
        "receipts": "webapp.people.receipts.commands:receipts",
    },
    navigation=(
        NavEntry(
            title="Profile",
            path="/account",
            icon="user",
            rank=81,
            also="your account name email groups usage",
            about="Your name, your email, your groups and your usage.",
            is_own=True,
        ),
        NavEntry(
            title="Security",
            path="/account/security",
            icon="shield-check",
            rank=87,
            also="password two-factor sessions signed in devices",
            about="Your password, two-factor authentication, and where you're signed in.",
            is_own=True,
        ),
        NavEntry(
            title="API tokens",
            path="/account/tokens",
            icon="key-round",
            rank=88,
            also="keys connections programs access",
            about="What lets programs act on your behalf.",
            is_own=True,
        ),
        NavEntry(
            title="Your data",
            path="/account/data",
            icon="database",
            rank=89,
            also="export import delete account privacy",
            about="Export, import, and deleting your account.",
            is_own=True,
        ),
        NavEntry(
            title="People",
            path="/admin/people",
            icon="users",
            under="People",
            rank=10,
            also="invite role disable member",
            right="administer",
            about="Accounts, invites and roles.",
        ),
        NavEntry(
            title="Groups",
            path="/admin/groups",
            icon="network",
            under="People",
            rank=20,
            also="team rights",
            right="administer",
            about="Share with several people at once.",
        ),
        NavEntry(
            title="Permissions",
            path="/admin/permissions",
            icon="user-check",
            under="People",
            rank=30,
            also="roles rights features who may what allow deny",
            right="administer",
            about="Which features each role and group can use.",
        ),
        NavEntry(
            title="Audit log",
            path="/admin/audit",
            icon="scroll-text",
            under="System",
            rank=20,
            also="log who did what",
            right="administer",
            about="Who changed people, keys and settings, and when.",
        ),
    ),
)
