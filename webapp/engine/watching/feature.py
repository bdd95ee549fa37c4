"""The feature of open pages: the streams of all features' lists."""

from webapp.web.feature import Feature

FEATURE = Feature(blueprints=("webapp.engine.watching.views:bp",))
