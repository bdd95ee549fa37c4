"""The schedules feature: its pages, and the chores that run what is due."""

from webapp.chat.messages.end_notices import EndNoticeExemption
from webapp.operations.schedules import queries, running, service
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry
from webapp.workspace.exchange.export import OwnRecords

FEATURE = Feature(
    blueprints=("webapp.operations.schedules.views:bp",),
    requires={"schedules": "schedules"},
    brings=(service.SCHEDULES, OwnRecords("schedules.json", service.records), EndNoticeExemption(queries.is_run)),
    resumes=(running.wake, running.wake_watch),
    navigation=(
        NavEntry(
            title="Schedules",
            path="/schedules",
            icon="calendar-clock",
            rank=67,
            also="cron recurring automatic tasks daily weekly reminder later time",
            right="schedules",
            sidebar="Plans & workflows",
        ),
    ),
)
