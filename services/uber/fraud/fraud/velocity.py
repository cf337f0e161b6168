"""Counters of what each rider did, in Valkey."""

import json
import time
from collections.abc import Callable

from redis.asyncio import Redis

from dotline_service.valkey import Valkey
from fraud.score import Score, Velocity

_MINUTE_SECONDS = 60
_HOUR_SECONDS = 3600
#: An order that is asked about again within this time gets the same answer.
_REMEMBERED_SECONDS = 24 * _HOUR_SECONDS


class VelocityCounters:
    """Counts in windows of the clock: this minute and this hour, each forgotten after its end."""

    def __init__(self, valkey: Valkey, clock: Callable[[], float] = time.time) -> None:
        self._valkey = valkey
        self._clock = clock

    async def count(self, rider_id: str, amount_cents: int) -> Velocity:
        """Counts one order and says what the windows hold now."""
        now = int(self._clock())
        minute = self._valkey.key("orders", rider_id, "minute", str(now // _MINUTE_SECONDS))
        hour = self._valkey.key("orders", rider_id, "hour", str(now // _HOUR_SECONDS))
        cents = self._valkey.key("cents", rider_id, "hour", str(now // _HOUR_SECONDS))

        async def work(redis: Redis) -> Velocity:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.incr(minute).expire(minute, _MINUTE_SECONDS)
                pipe.incr(hour).expire(hour, _HOUR_SECONDS)
                pipe.incrby(cents, amount_cents).expire(cents, _HOUR_SECONDS)
                in_minute, _, in_hour, _, cents_in_hour, _ = await pipe.execute()
            return Velocity(in_minute, in_hour, cents_in_hour)

        return await self._valkey.run(work)

    async def recall(self, order_id: str) -> Score | None:
        """The score that an order was given, if it was asked about before."""
        stored = await self._valkey.run(lambda redis: redis.get(self._assessment(order_id)))
        if stored is None:
            return None
        document = json.loads(stored)
        return Score(document["points"], tuple(document["reasons"]))

    async def remember(self, order_id: str, score: Score) -> Score:
        """Keeps an order's score; the first one counts, and is returned."""
        document = json.dumps({"points": score.points, "reasons": score.reasons})
        key = self._assessment(order_id)
        first = await self._valkey.run(
            lambda redis: redis.set(key, document, nx=True, ex=_REMEMBERED_SECONDS)
        )
        return score if first else await self.recall(order_id) or score

    def _assessment(self, order_id: str) -> str:
        return self._valkey.key("assessment", order_id)
