"""The pages around the features: help, documentation, the search, one's own settings, those of the server, and its keys."""

from webapp.shell import docs_views, preferences_views, search_sources, secrets_views, settings_views, sidebar_views, views
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=(settings_views.bp, secrets_views.bp, preferences_views.bp, sidebar_views.bp, docs_views.bp, views.bp),
    commands={"settings": "webapp.settings.commands:settings", "keys": "webapp.settings.commands:keys"},
    brings=search_sources.SOURCES,
    navigation=(
        NavEntry(
            words="Server settings",
            path="/admin/settings",
            icon="settings",
            under="Operations",
            rank=10,
            also="limits demo trash restart",
            right="administer",
            about="Streaming, limits, the demo and retention",
            tab="Settings",
        ),
        NavEntry(
            words="Keys",
            path="/admin/keys",
            icon="key",
            under="Operations",
            rank=20,
            also="encryption rotate secret",
            right="administer",
            about="The key that encrypts provider keys",
        ),
        NavEntry(
            words="Settings",
            path="/settings",
            icon="settings",
            rank=80,
            also="theme text size density model instructions",
        ),
        NavEntry(words="Help", path="/help", icon="circle-help", rank=110, also="keyboard shortcuts first aid"),
        NavEntry(
            words="Documentation",
            path="/docs",
            icon="book-open",
            rank=120,
            also="docs api examples configuration troubleshooting",
        ),
    ),
)
