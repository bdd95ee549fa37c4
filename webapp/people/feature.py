"""The feature definition of accounts: pages for sign-in, your account, people, groups and the audit log, and commands."""

from webapp.people.pages import account_views, audit_views, group_views, people_views, views
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=(views.bp, account_views.bp, people_views.bp, group_views.bp, audit_views.bp),
    commands={"users": "webapp.people.accounts.commands:users", "tokens": "webapp.people.accounts.commands:tokens"},
    navigation=(
        NavEntry(
            words="Your account",
            path="/account",
            icon="user",
            rank=90,
            also="password email name tokens sessions delete export",
        ),
        NavEntry(
            words="People",
            path="/admin/people",
            icon="users",
            under="People",
            rank=10,
            also="invite role disable member",
            right="administer",
            about="Accounts, invites and roles.",
        ),
        NavEntry(
            words="Groups",
            path="/admin/groups",
            icon="network",
            under="People",
            rank=20,
            also="team rights",
            right="administer",
            about="Share with several people at once.",
        ),
        NavEntry(
            words="Audit",
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
