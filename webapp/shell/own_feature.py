"""The preferences feature: a person's settings."""

from webapp.shell import own_views as views
from webapp.web.feature import Feature
from webapp.web.places import Place

ALSO = "theme text size density model instructions"
FEATURE = Feature(
    blueprints=(views.bp,),
    places=(Place(words="Settings", path="/settings", icon="settings", rank=80, also=ALSO),),
)
