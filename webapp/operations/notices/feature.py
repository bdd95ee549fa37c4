"""The notices feature: the page of a person's own notices, and their delivery in the background."""

from webapp.operations.notices import delivery, push_keys, queries, service
from webapp.people.notices.telling import Deliverer
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry
from webapp.workspace.exchange.export import OwnRecords

FEATURE = Feature(
    blueprints=("webapp.operations.notices.views:bp",),
    resumes=(delivery.wake,),
    brings=(Deliverer(delivery.wake), push_keys.HOLDER, service.HOLDER, OwnRecords("notices.json", queries.records)),
    navigation=(
        NavEntry(
            title="Notifications",
            path="/settings/notices",
            icon="bell",
            rank=86,
            also="notifications push phone device email webhook quiet hours told",
            about="Get notified while you're away: on your devices, by email or by webhook.",
            is_own=True,
        ),
    ),
)
