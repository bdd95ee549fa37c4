"""The feature definition of lorebooks: their pages."""

from webapp.characters.lore import views
from webapp.web.feature import Feature
from webapp.web.places import Place

FEATURE = Feature(
    blueprints=(views.bp,),
    places=(Place(words="Lorebooks", path="/lorebooks", icon="book-marked", rank=52, also="world info lore"),),
)
