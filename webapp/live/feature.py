"""What open pages bring: the streams of the lists of all features."""

from webapp.feature import Feature
from webapp.live import views

FEATURE = Feature(blueprints=(views.bp,))
