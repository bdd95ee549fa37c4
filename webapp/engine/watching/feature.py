"""The feature of open pages: the streams of all features' lists."""

from webapp.engine.watching import views
from webapp.web.feature import Feature

FEATURE = Feature(blueprints=(views.bp,))
