"""The feature definition of lorebooks: their pages."""

from webapp.feature import Feature
from webapp.lore import views
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    places=(Place(words="Lorebooks", path="/lorebooks", icon="book-marked", rank=52, also="world info lore"),),
)
