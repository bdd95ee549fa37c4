"""The feature definition of keeping: the sweeps, and what a change of their days would delete."""

from webapp.chat.messages import keeping
from webapp.operations.keeping import sweeps
from webapp.web.feature import Feature

FEATURE = Feature(resumes=(sweeps.wake,), brings=(keeping.CHAT_LOSS, keeping.OF_CHATS))
