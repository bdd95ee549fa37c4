"""What lorebooks bring: nothing of their own yet."""

from webapp.feature import Feature

FEATURE = Feature()
