"""The feature of open pages: the streams of all features' lists."""

from webapp.feature import Feature
from webapp.live import views

FEATURE = Feature(blueprints=(views.bp,))
