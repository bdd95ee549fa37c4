"""The mail feature: the page of the mail server, and its password among the stored secrets."""

from webapp.operations.notices.mail import service
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    blueprints=("webapp.operations.notices.mail.views:bp",),
    brings=(service.HOLDER,),
    setting_checks={
        "mail.host": service.check_host,
        "mail.from": service.check_address,
        "alerts.emails": service.check_addresses,
    },
    navigation=(
        NavEntry(
            title="Email",
            path="/admin/mail",
            icon="mail",
            under="Notifications",
            rank=16,
            also="smtp mail server sender alerts",
            right="administer",
            about="The server that sends email for Millrace.",
        ),
    ),
)
