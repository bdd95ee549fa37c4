"""The feature definition of people's own connections: their page in the settings, and the keys that they hold."""

from webapp.models.connections.queries import OWN_HOLDER
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

FEATURE = Feature(
    brings=(OWN_HOLDER,),
    blueprints=("webapp.models.own_connections.views:bp",),
    requires={"own_connections": "own_keys"},
    navigation=(
        NavEntry(
            title="Your connections",
            path="/settings/connections",
            icon="cable",
            rank=86,
            also="own key provider server openai api byok",
            about="Your own keys and servers, for your answers only.",
            is_own=True,
            right="own_keys",
        ),
    ),
)
