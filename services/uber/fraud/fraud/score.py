"""The rule that tells a suspicious order: a pure function of what was counted."""

from dataclasses import dataclass
from typing import Literal

#: Points at which an order is refused.
REJECT_AT = 60

_ORDERS_A_MINUTE_USUAL = 3
_ORDERS_AN_HOUR_USUAL = 40
_CENTS_AN_HOUR_USUAL = 80_000
_CENTS_AN_ORDER_USUAL = 15_000


@dataclass(frozen=True)
class Velocity:
    """What one rider did lately, this order included."""

    orders_last_minute: int
    orders_last_hour: int
    cents_last_hour: int


@dataclass(frozen=True)
class Score:
    """Points from 0 (usual) to 100, and what they were given for."""

    points: int
    reasons: tuple[str, ...]

    @property
    def decision(self) -> Literal["accept", "reject"]:
        """What to do with the order."""
        return "reject" if self.points >= REJECT_AT else "accept"


def score(velocity: Velocity, amount_cents: int) -> Score:
    """Each signal gives points by how far it is above what is usual; none below it gives any."""
    signals = [
        ("orders in a minute", velocity.orders_last_minute / _ORDERS_A_MINUTE_USUAL, 40),
        ("orders in an hour", velocity.orders_last_hour / _ORDERS_AN_HOUR_USUAL, 30),
        ("amount in an hour", velocity.cents_last_hour / _CENTS_AN_HOUR_USUAL, 30),
        ("amount of the order", amount_cents / _CENTS_AN_ORDER_USUAL, 20),
    ]
    points = 0
    reasons = []
    for reason, times_usual, weight in signals:
        if times_usual > 1:
            points += min(round(weight * (times_usual - 1)), 2 * weight)
            reasons.append(reason)
    return Score(min(points, 100), tuple(reasons))
