"""The feature definition of connections: pages of model servers and models, and checks of settings."""

from webapp.models.connections import naming
from webapp.models.connections.queries import HOLDER
from webapp.web.feature import Feature
from webapp.web.navigation import NavEntry

NAMING = ("models.default", "models.fallbacks", "models.titles", "models.allowed")
FEATURE = Feature(
    setting_checks={**dict.fromkeys(NAMING, naming.refuse_unlisted), "models.reasoning_tags": naming.check},
    brings=(HOLDER,),
    blueprints=("webapp.models.connections.views:bp", "webapp.models.connections.model_views:bp"),
    navigation=(
        NavEntry(
            title="Connections",
            path="/admin/connections",
            icon="plug",
            under="Models",
            rank=10,
            also="provider openrouter api key test",
            right="administer",
            about="Providers and model servers, with their keys.",
        ),
        NavEntry(
            title="Models",
            path="/admin/models",
            icon="boxes",
            under="Models",
            rank=20,
            also="allowed fallback default price",
            right="administer",
            about="The default model, its fallbacks, and what people can choose.",
        ),
    ),
)
