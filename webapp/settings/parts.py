"""The sections of settings that have a page of their own. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SettingsPart:
    """A section of settings with a page of its own; `area` is the area of the administration that it belongs to."""

    slug: str
    title: str
    words: str
    area: str
    about: str

    @property
    def path(self) -> str:
        return f"/admin/settings/{self.slug}"


@dataclass(frozen=True)
class PartDetail:
    """What a room shows on a section's page beside its settings: a fragment, and what it is drawn with."""

    slug: str
    template: str
    read: Callable[[], Mapping[str, Any]]


PARTS: Mapping[str, SettingsPart] = {
    part.slug: part
    for part in (
        SettingsPart("voice", "Voice", "Voice", "Models", "Models for dictation and reading aloud."),
        SettingsPart("demo", "Demo", "Demo", "Models", "When the demo answers, and whether visitors can try it."),
        SettingsPart("insights", "Insights", "Telemetry", "Models", "Which metrics are collected, and where they are sent."),
        SettingsPart("limits", "Limits", "Limits", "People", "How many answers a person can have, and how long messages can be."),
        SettingsPart("accounts", "Accounts", "Account security", "People", "Two-factor authentication, and what browsers keep."),
        SettingsPart(
            "links", "Links", "Link settings", "People", "Who can share chats with people without an account, and for how long."
        ),
        SettingsPart("budgets", "Budgets", "Budget settings", "Costs", "Whether budgets apply, and when their days start."),
        SettingsPart("alerts", "Alerts", "Alert delivery", "Notifications", "Where alerts are sent."),
        SettingsPart(
            "knowledge", "Knowledge", "Knowledge settings", "System", "The size of collections, and the embedding model."
        ),
        SettingsPart("files", "Files", "Files in chats", "System", "How large files in chats can be."),
        SettingsPart("retention", "Retention", "Retention", "System", "How long data is kept, and how much is stored now."),
        SettingsPart("backup", "Backups", "Backups", "System", "Nightly backups."),
        SettingsPart(
            "streaming", "Streaming", "Streaming", "Advanced", "How answers are shown as they are written, and time limits."
        ),
        SettingsPart(
            "assistant", "Assistant API", "Assistant API", "Advanced", "What chats of the assistant compatibility API contain."
        ),
    )
}
