"""The shell feature: the help sheet, the palette and the manifest."""

from webapp.shell import views
from webapp.web.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    places=(Place(words="Help", path="/help", icon="circle-help", rank=110, also="keyboard shortcuts first aid"),),
)
