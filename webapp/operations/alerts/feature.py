"""The alerts feature: its pages, and a check of every rule once a minute."""

from webapp.operations.alerts import delivery, service
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=("webapp.operations.alerts.views:bp",),
    resumes=(service.wake,),
    setting_checks={"alerts.webhook": delivery.check_webhook},
    navigation=(
        NavEntry(
            title="Alerts",
            path="/admin/alerts",
            icon="siren",
            under="Notifications",
            rank=15,
            also="webhook monitoring rules",
            right="administer",
            about="Current problems, and the rules that detect them.",
        ),
    ),
)
