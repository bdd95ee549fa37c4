"""The tools feature: the tools that come with it."""

from webapp.tools.built_in.catalog import ALL
from webapp.web.feature import Feature

FEATURE = Feature(brings=ALL)
