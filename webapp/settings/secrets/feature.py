"""The secrets feature: the page of encryption keys, and its command."""

from webapp.shell import secrets_views as views
from webapp.web.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    commands={"keys": "webapp.settings.secrets.commands:keys"},
    places=(
        Place(
            words="Keys",
            path="/admin/keys",
            icon="key",
            under="Operations",
            rank=20,
            also="encryption rotate secret",
            right="administer",
            about="The key that encrypts provider keys",
        ),
    ),
)
