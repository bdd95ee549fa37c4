"""The pages around the features: help, documentation, the search, one's own settings, those of the server, and its keys."""

from webapp.settings.catalog import LANGUAGE
from webapp.settings.parts import PARTS
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry
from webapp.workspace.frame import (
    preferences_views,
    search_sources,
)

FEATURE = Feature(
    blueprints=(
        "webapp.workspace.frame.settings_views:bp",
        "webapp.workspace.frame.secrets_views:bp",
        "webapp.workspace.frame.preferences_views:bp",
        "webapp.workspace.frame.shortcut_views:bp",
        "webapp.workspace.frame.sidebar_views:bp",
        "webapp.workspace.frame.docs_views:bp",
        "webapp.workspace.frame.views:bp",
    ),
    setting_checks={LANGUAGE: preferences_views.check_language},
    commands={"settings": "webapp.settings.commands:settings", "keys": "webapp.settings.commands:keys"},
    brings=search_sources.SOURCES,
    navigation=(
        NavEntry(
            title="Server settings",
            path="/admin/settings",
            icon="settings",
            under="System",
            rank=30,
            also="limits demo trash restart changed",
            right="administer",
            about="All settings by topic, and those you changed.",
            tab="Settings",
        ),
        NavEntry(
            title="Keys",
            path="/admin/keys",
            icon="key",
            under="Advanced",
            rank=30,
            also="encryption rotate secret",
            right="administer",
            about="The key that encrypts stored secrets.",
        ),
        *(
            NavEntry(
                title=part.words,
                path=part.path,
                icon="settings",
                under=part.area,
                rank=100 + number,
                also=f"settings {part.title}",
                right="administer",
                about=part.about,
            )
            for number, part in enumerate(PARTS.values())
        ),
        NavEntry(title="Settings", path="/settings", icon="settings", rank=80, also="preferences options your own"),
        NavEntry(
            title="Appearance",
            path="/settings/look",
            icon="palette",
            rank=82,
            also="appearance theme accent contrast font text size density",
            about="Theme, colors, font and size.",
            is_own=True,
        ),
        NavEntry(
            title="Sidebar",
            path="/settings/sidebar",
            icon="panel-left",
            rank=83,
            also="hide links",
            about="Which pages the sidebar shows.",
            is_own=True,
        ),
        NavEntry(
            title="Chats & typing",
            path="/settings/chats",
            icon="message-square-text",
            rank=84,
            also="default model enter send key speech",
            about="The model for new chats, and the key that sends messages.",
            is_own=True,
        ),
        NavEntry(
            title="Keyboard shortcuts",
            path="/settings/keys",
            icon="keyboard",
            rank=84,
            also="keys rebind hotkeys",
            about="Change keyboard shortcuts.",
            is_own=True,
        ),
        NavEntry(
            title="Instructions & memory",
            path="/settings/memory",
            icon="brain",
            rank=85,
            also="custom instructions about me remember reading time privacy",
            about="What models know about you, and what Millrace remembers.",
            is_own=True,
        ),
        NavEntry(title="Help", path="/help", icon="circle-help", rank=110, also="keyboard shortcuts first aid"),
        NavEntry(
            title="Documentation",
            path="/docs",
            icon="book-open",
            rank=120,
            also="docs api examples configuration troubleshooting",
        ),
    ),
)
