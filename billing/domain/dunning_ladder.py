"""The dunning policy's data: a versioned ladder of steps and its conditions. ``dunning_policy`` decides by it.

A case pins the version it was opened under. A ladder that bars before its customers were warned is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from billing.domain.dunning_step import CHANNELS, DunningAction, DunningStep, read_steps
from billing.domain.dunning_terms import NO_FEES, USUAL_ARRANGEMENTS, Arrangements, DunningFees
from billing.domain.errors import InvalidValue
from billing.domain.fields import Fields
from billing.domain.quiet_hours import WORKING_HOURS, QuietHours, refuse_quiet_hour
from billing.domain.restrictions import goes_beyond

__all__ = ["STANDARD", "DunningAction", "DunningPolicy", "DunningStep"]

_MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class DunningPolicy:
    """A ladder and its conditions.

    ``bar_threshold_minor``: undisputed, unpromised overdue amount (minor units of the account's currency) from which
    a customer is warned and barred. ``minimum_days_after_warning``: local days between a delivered warning and any
    bar. ``minimum_days_between_bars``: between outgoing and full. Steps run from ``action_hour_local`` on, notices
    outside ``notice_hours``' quiet time, bars outside ``barring_hours``' (evenings, weekends and holidays by default).
    A delivered warning counts on ``warning_channels`` only. ``law_pack`` names the rules of a country that it keeps
    (empty: none are checked); they are data of ``law_pack.LawPack``.
    """

    code: str
    version: int
    steps: tuple[DunningStep, ...]
    bar_threshold_minor: int = 1000
    minimum_days_after_warning: int = 7
    minimum_days_between_bars: int = 14
    action_hour_local: int = 9
    notice_hours: QuietHours = field(default_factory=QuietHours)
    barring_hours: QuietHours = WORKING_HOURS
    warning_channels: tuple[str, ...] = CHANNELS
    fees: DunningFees = NO_FEES
    arrangements: Arrangements = USUAL_ARRANGEMENTS
    law_pack: str = ""

    def validate(self) -> None:
        """Check that the ladder can be walked and warns in time before it bars.

        Raises InvalidValue naming the field.
        """
        if not self.steps:
            raise InvalidValue("The ladder has no steps.", field="steps", value="[]", remedy="Add at least one step.")
        refuse_quiet_hour(self.action_hour_local, self.notice_hours, "action_hour_local")
        refuse_quiet_hour(self.action_hour_local, self.barring_hours, "action_hour_local")
        self._refuse_disorder()
        for place, step in enumerate(self.steps):
            self._refuse_closed_window(place, step)
            if step.barring_level is not None:
                self._refuse_unwarned_bar(place, step)
            if step.action is DunningAction.WARN:
                self._refuse_empty_warning(place, step)
        self._refuse_hasty_levels()

    def _refuse_disorder(self) -> None:
        for place, step in enumerate(self.steps[1:], start=1):
            before = self.steps[place - 1]
            if step.day < before.day:
                raise _step_refusal(
                    place, "day", step.day, f"{step.name} comes after {before.name}.", "List the steps by rising day."
                )
            if step.name in {earlier.name for earlier in self.steps[:place]}:
                raise _step_refusal(place, "action", step.action, f"{step.name} is there twice.", "Remove one of them.")
            if before.action is DunningAction.HAND_OVER:
                raise _step_refusal(
                    place, "action", step.action, f"{step.name} comes after the hand-over.", "Hand over last."
                )

    def _refuse_closed_window(self, place: int, step: DunningStep) -> None:
        """A step whose window lies in its quiet hours would never be taken."""
        window = step.window
        if window is None or step.action is DunningAction.HAND_OVER:
            return
        quiet = self.hours_of(step.action)
        if all(quiet.covers_hour(hour) for hour in range(window.from_hour, window.to_hour)):
            raise _step_refusal(
                place,
                "window",
                f"{window.from_hour}-{window.to_hour}",
                f"The window of {step.name} lies in the quiet hours.",
                "Open it at other hours, or change the policy's hours.",
            )
        shut = {"saturday": quiet.saturdays, "sunday": quiet.sundays}
        if all(shut.get(day, False) for day in window.weekdays):
            days = ", ".join(window.weekdays)
            message = f"{step.name} may never be taken: its days are quiet."
            raise _step_refusal(place, "window.weekdays", days, message, "Name a day on which it may be taken.")

    def hours_of(self, action: DunningAction) -> QuietHours:
        """The quiet hours that an action keeps."""
        return self.barring_hours if action.bars else self.notice_hours

    def _refuse_unwarned_bar(self, place: int, step: DunningStep) -> None:
        warnings = [earlier.day for earlier in self.steps[:place] if earlier.action is DunningAction.WARN]
        if not warnings:
            raise _step_refusal(
                place, "day", step.day, f"{step.name} would bar without a warning.", "Put a warn step before it."
            )
        earliest = warnings[0] + self.minimum_days_after_warning
        if step.day < earliest:
            raise _step_refusal(
                place,
                "day",
                step.day,
                f"{step.name} would bar less than {self.minimum_days_after_warning} days after the warning on day "
                f"{warnings[0]}.",
                f"Use day {earliest} or later, or warn earlier.",
            )

    def _refuse_empty_warning(self, place: int, step: DunningStep) -> None:
        if not any(later.barring_level is not None for later in self.steps[place + 1 :]):
            raise _step_refusal(
                place, "action", step.action, f"{step.name} warns of no bar.", "Add a bar after it, or use a reminder."
            )
        if step.channels and not set(step.channels) & set(self.warning_channels):
            message = f"{step.name} goes by channels on which no warning counts, so nothing could ever be barred."
            remedy = f"Add one of: {', '.join(self.warning_channels)}."
            raise _step_refusal(place, "channels", ", ".join(step.channels), message, remedy)

    def _refuse_hasty_levels(self) -> None:
        bars = [(place, step) for place, step in enumerate(self.steps) if step.barring_level is not None]
        for (_, earlier), (place, later) in pairwise(bars):
            if goes_beyond(str(earlier.barring_level), str(later.barring_level)):
                raise _step_refusal(
                    place,
                    "action",
                    later.action,
                    f"{later.name} would loosen a bar.",
                    f"Bar outgoing first, then fully; name everything that {earlier.name} restricts, and more.",
                )
            if not goes_beyond(str(later.barring_level), str(earlier.barring_level)):
                raise _step_refusal(
                    place, "action", later.action, f"{later.name} restricts nothing more.", "Remove it, or name more."
                )
            if later.day < earlier.day + self.minimum_days_between_bars:
                raise _step_refusal(
                    place,
                    "day",
                    later.day,
                    f"{later.name} comes less than {self.minimum_days_between_bars} days after {earlier.name}.",
                    f"Use day {earlier.day + self.minimum_days_between_bars} or later.",
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "code": self.code,
            "version": self.version,
            "steps": [step.to_dict() for step in self.steps],
            "bar_threshold_minor": self.bar_threshold_minor,
            "minimum_days_after_warning": self.minimum_days_after_warning,
            "minimum_days_between_bars": self.minimum_days_between_bars,
            "action_hour_local": self.action_hour_local,
            "notice_hours": self.notice_hours.to_dict(),
            "barring_hours": self.barring_hours.to_dict(),
            "warning_channels": list(self.warning_channels),
            "fees": self.fees.to_dict(),
            "arrangements": self.arrangements.to_dict(),
            **({"law_pack": self.law_pack} if self.law_pack else {}),
        }

    @classmethod
    def from_dict(cls, data: Any, path: str = "") -> DunningPolicy:
        """Read an operator's JSON; missing fields take their defaults, unknown ones are refused.

        Raises InvalidValue naming the field (under ``path``), its value and what would do.
        """
        fields = Fields(data, path)
        policy = cls(
            code=fields.code("code"),
            version=fields.whole("version", default=1, least=1),
            steps=read_steps(fields.objects("steps", _MOST_STEPS)),
            bar_threshold_minor=fields.whole("bar_threshold_minor", default=1000),
            minimum_days_after_warning=fields.whole("minimum_days_after_warning", default=7, most=365),
            minimum_days_between_bars=fields.whole("minimum_days_between_bars", default=14, most=365),
            action_hour_local=fields.whole("action_hour_local", default=9, most=23),
            notice_hours=QuietHours.within(fields, data, "notice_hours", QuietHours()),
            barring_hours=QuietHours.within(fields, data, "barring_hours", WORKING_HOURS),
            warning_channels=fields.words("warning_channels", CHANNELS) or CHANNELS,
            fees=DunningFees.read(fields.nested("fees")) if fields.has("fees") else NO_FEES,
            arrangements=_arrangements(fields),
            law_pack=fields.code("law_pack", ""),
        )
        fields.finish()
        policy.validate()
        return policy


def _arrangements(fields: Fields) -> Arrangements:
    return Arrangements.read(fields.nested("arrangements")) if fields.has("arrangements") else USUAL_ARRANGEMENTS


def _step_refusal(place: int, name: str, value: object, message: str, remedy: str) -> InvalidValue:
    return InvalidValue(message, field=f"steps[{place}].{name}", value=value, remedy=remedy)


STANDARD = DunningPolicy(
    code="standard",
    version=1,
    steps=(
        DunningStep(0, DunningAction.FAILED_NOTICE),
        DunningStep(3, DunningAction.RETRY),
        DunningStep(3, DunningAction.REMINDER),
        DunningStep(10, DunningAction.WARN),
        DunningStep(17, DunningAction.BAR_OUTGOING),
        DunningStep(31, DunningAction.BAR_FULL),
        DunningStep(60, DunningAction.HAND_OVER),
    ),
)
