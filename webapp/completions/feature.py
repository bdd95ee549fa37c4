"""The completions feature: a kind of generation that no page shows."""

from webapp.completions.kind import DOOR
from webapp.feature import Feature

FEATURE = Feature(brings=(DOOR,))
