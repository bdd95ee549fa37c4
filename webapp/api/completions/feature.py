"""The completions feature: a kind of generation that no page shows."""

from webapp.api.completions.kind import DOOR
from webapp.web.feature import Feature

FEATURE = Feature(brings=(DOOR,))
