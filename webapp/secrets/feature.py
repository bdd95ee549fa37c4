"""The secrets feature: the page of encryption keys, and its command."""

from webapp.feature import Feature
from webapp.secrets import views
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    commands={"keys": "webapp.secrets.commands:keys"},
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
