"""The feature definition of keeping: the sweeps, and what a change of their days would delete."""

from webapp.chat.messages import keeping
from webapp.operations.keeping import holdings, service
from webapp.settings.parts import PartDetail
from webapp.web.feature import Feature

FEATURE = Feature(
    resumes=(service.wake,),
    setting_checks={"insights.days": service.check_insights},
    brings=(keeping.CHAT_LOSS, *holdings.LOSSES, PartDetail("retention", "operations/keeping/_holdings.html", holdings.detail)),
)
