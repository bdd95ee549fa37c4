"""The settings feature: the page of server settings, and its command."""

from webapp.shell import settings_views as views
from webapp.web.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    commands={"settings": "webapp.settings.commands:settings"},
    places=(
        Place(
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
    ),
)
