"""Explains an experiment's state to people who know no statistics: what to do, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.base.languages import gettext as _, ngettext
from webapp.operations.experiments.figures import ArmFigures, Evidence, evidence
from webapp.prompts.evidence import MIN_SAMPLES
from webapp.web.filters import number, plural


@dataclass(frozen=True, slots=True)
class SuccessMeasure:
    """What counts as success: the words in the form, those in a sentence about the answers, and the noun of what counts."""

    label: str
    good: str
    noun: str


OUTCOMES = {
    "good": SuccessMeasure(
        "No complaint (a thumbs up; or no rating, and not tried again, stopped or deleted within 10 minutes)", "good", "answer"
    ),
    "thumbs": SuccessMeasure("Thumbs up (answers without a rating don't count)", "liked", "rating"),
    "completed": SuccessMeasure("Answers that are complete", "complete", "answer"),
    "unrepaired": SuccessMeasure("Plans that are complete without a repair", "complete without a repair", "plan"),
}
# By the noun of what counts.
NONE_COUNTS = {
    "answer": "Too early to tell: none of the answers counts yet. Each answer counts after 10 minutes.",
    "rating": "Too early to tell: none of the ratings counts yet. Each answer counts after 10 minutes.",
    "plan": "Too early to tell: none of the plans counts yet. Each answer counts after 10 minutes.",
}
# Smaller relative differences are not mentioned.
WORTH_SAYING = 0.1
LATER = "%(letter)s starts later: 95 %% of answers within %(time)s, compared with %(other_time)s for %(other)s."
SOONER = "%(letter)s starts sooner: 95 %% of answers within %(time)s, compared with %(other_time)s for %(other)s."
CHANCE = "So far, the difference may just be chance."
# More answers than a small team gets in weeks.
VERY_MANY = 1000
WAIT, USE, KEEP, EITHER, STOP = "wait", "use", "keep", "either", "stop"


@dataclass(frozen=True, slots=True)
class RecommendationCard:
    """The recommendation: `decision` in a word, `title` in a line, `words` the reasons; `version` is the one to use, if any."""

    decision: str
    title: str
    words: tuple[str, ...]
    version: int | None = None

    @property
    def text(self) -> str:
        return " ".join((f"{self.title}.", *self.words))


def card(arms: Sequence[ArmFigures], outcome: str, *, has_shares: bool = True) -> RecommendationCard:
    """Returns the recommendation for the present figures; the first arm is the version that was in use before."""
    comparison, control = evidence(arms, has_shares=has_shares), arms[0]
    paused = tuple(arm.paused_words for arm in arms if arm.paused_words)
    running_arms = [arm for arm in arms if not arm.paused_words]
    if not any(arm.exposures for arm in arms):
        return RecommendationCard(WAIT, _("Wait"), (_("No answers have been made with these versions yet."),))
    if comparison.is_imbalanced:
        return RecommendationCard(STOP, _("Stop it, and don't trust these figures"), (_skewed(arms),))
    if len(running_arms) == 1:
        return RecommendationCard(
            KEEP,
            _kept(running_arms[0]),
            (*paused, _("Nothing is left to compare %(letter)s with.", letter=running_arms[0].letter)),
            running_arms[0].version,
        )
    if winner := comparison.winner:
        return _won(winner, running_arms, control, outcome, comparison, paused)
    if comparison.are_alike:
        return _alike(comparison, control, outcome, paused)
    return RecommendationCard(WAIT, _("Wait"), (*paused, *_too_early(comparison, outcome)))


def percent(rate: float | None) -> str:
    """Formats a rate, rounding to 100 % or 0 % only if it is exact."""
    if rate is None:
        return "–"
    return f"{min(max(round(rate * 100), 1), 99) if 0 < rate < 1 else round(rate * 100)} %"


def seconds(ms: int | None) -> str:
    return "–" if ms is None else f"{ms} ms" if ms < 1000 else f"{number(round(ms / 1000, 1))} s"


def _won(
    best: ArmFigures,
    arm_figures: Sequence[ArmFigures],
    control: ArmFigures,
    outcome: str,
    evidence: Evidence,
    paused: tuple[str, ...],
) -> RecommendationCard:
    second = max((arm for arm in arm_figures if arm is not best), key=lambda arm: arm.rate or 0)
    rates = {"rate": percent(best.rate), "other": percent(second.rate), "good": _(OUTCOMES[outcome].good)}
    why = _("%(letter)s is better: %(rate)s against %(other)s %(good)s.", letter=best.letter, **rates)
    factor = _("over %(number)s", number=number(1000)) if evidence.factor > 1000 else f"{evidence.factor:.0f}"
    sure = _(
        "The evidence is strong: with a real difference such figures are %(factor)s times likelier than by chance "
        "(BF %(factor)s).",
        factor=factor,
    )
    if best is control:
        return RecommendationCard(KEEP, _kept(best), (*paused, why, sure), best.version)
    return RecommendationCard(USE, _used(best), (*paused, why, sure, *_price(best, control)), best.version)


def _alike(evidence: Evidence, control: ArmFigures, outcome: str, paused: tuple[str, ...]) -> RecommendationCard:
    first, second = sorted(evidence.contenders[:2], key=lambda arm: arm.letter)
    why = _(
        "No difference that matters: %(rate)s %(good)s with %(letter)s and %(other_rate)s with %(other)s.",
        rate=percent(first.rate),
        good=_(OUTCOMES[outcome].good),
        letter=first.letter,
        other_rate=percent(second.rate),
        other=second.letter,
    )
    others = [contender for contender in evidence.contenders if contender is not control]
    is_beaten = control not in evidence.contenders
    better = next((arm for arm in others if is_beaten or _change(arm.cost, control.cost) < 0), None)
    if better:
        return RecommendationCard(USE, _used(better), (*paused, why, *_price(better, control)), better.version)
    dearer = tuple(words for arm in others for words in _price(arm, control))
    if dearer:
        return RecommendationCard(KEEP, _kept(control), (*paused, why, *dearer), control.version)
    title = _("No difference: keep version %(version)s (%(letter)s)", version=control.version, letter=control.letter)
    return RecommendationCard(EITHER, title, (*paused, why), control.version)


def _too_early(evidence: Evidence, outcome: str) -> list[str]:
    judged = sum(contender.judged for contender in evidence.contenders)
    noun = OUTCOMES[outcome].noun
    if not judged:
        return [_(NONE_COUNTS[noun])]
    least = max(0, MIN_SAMPLES - min(contender.judged for contender in evidence.contenders))
    more = max(evidence.more or 0, least)
    if not more:
        return [_("Too early to tell: after %(count)s the versions are much alike.", count=plural(judged, noun))]
    needed = _more_needed(noun, _rounded(more) if more > 1 else 1)
    long = [_("This may take a very long time, so it's fine to keep the version you had.")] if more >= VERY_MANY else []
    return [needed, _(CHANCE), *long]


def _more_needed(noun: str, count: int) -> str:
    sentences = {
        "answer": ngettext(
            "Too early to tell: about one more answer with each version is needed.",
            "Too early to tell: about %(num)s more answers with each version are needed.",
            count,
        ),
        "rating": ngettext(
            "Too early to tell: about one more rating with each version is needed.",
            "Too early to tell: about %(num)s more ratings with each version are needed.",
            count,
        ),
        "plan": ngettext(
            "Too early to tell: about one more plan with each version is needed.",
            "Too early to tell: about %(num)s more plans with each version are needed.",
            count,
        ),
    }
    return sentences[noun]


def _price(one: ArmFigures, control: ArmFigures) -> list[str]:
    """Returns sentences on what else would change, if the differences matter."""
    parts, letters = [], {"letter": one.letter, "other": control.letter}
    if change := _change(one.cost, control.cost):
        percents = {"percent": abs(round(change * 100)), **letters}
        parts.append(
            _("%(letter)s costs %(percent)s %% more than %(other)s.", **percents)
            if change > 0
            else _("%(letter)s costs %(percent)s %% less than %(other)s.", **percents)
        )
    if slower := _change(one.ttft_p95_ms, control.ttft_p95_ms):
        times = {"time": seconds(one.ttft_p95_ms), "other_time": seconds(control.ttft_p95_ms), **letters}
        parts.append(_(LATER if slower > 0 else SOONER, **times))
    if (one.error_rate or 0) - (control.error_rate or 0) >= 0.02:
        rates = {"rate": percent(one.error_rate), "other": percent(control.error_rate)}
        parts.append(_("%(letter)s fails more often: %(rate)s of its answers, against %(other)s.", letter=one.letter, **rates))
    return parts


def _change(new: object, old: object) -> float:
    """Returns the relative change; 0 if it is unknown or too small to mention."""
    if new is None or not old:
        return 0.0
    change = float(str(new)) / float(str(old)) - 1
    return change if abs(change) >= WORTH_SAYING else 0.0


def _skewed(arms: Sequence[ArmFigures]) -> str:
    whole, people = sum(arm.weight for arm in arms), sum(arm.units for arm in arms)
    shares = ", ".join(
        _(
            "%(letter)s went to %(share)s, not %(planned)s",
            letter=arm.letter,
            share=percent(arm.units / people),
            planned=percent(arm.weight / whole),
        )
        for arm in arms
    )
    return _(
        "Of %(people)s people, too many got one version: %(shares)s. Some answers probably weren't counted, "
        "so the versions can't be compared. Keep the version that was in use before, find out why, and start over.",
        people=people,
        shares=shares,
    )


def _kept(arm: ArmFigures) -> str:
    return _("Keep version %(version)s (%(letter)s)", version=arm.version, letter=arm.letter)


def _used(arm: ArmFigures) -> str:
    return _("Use version %(version)s (%(letter)s)", version=arm.version, letter=arm.letter)


def _rounded(count: int) -> int:
    """Rounds a count up to the precision of the estimate."""
    step = 5 if count < 50 else 10 if count < 200 else 100
    return max(step, -(-count // step) * step)
