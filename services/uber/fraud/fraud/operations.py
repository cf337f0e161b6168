"""The service's operations over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field, StringConstraints

from dotline_service.parse import parse_body
from dotline_service.problem import not_found
from fraud.score import Score, score
from fraud.velocity import VelocityCounters

Id = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_-]+$")]


class AssessmentRequest(BaseModel):
    """An order to look at."""

    order_id: Id = Field(alias="orderId")
    rider_id: Id = Field(alias="riderId")
    amount_cents: int = Field(alias="amountCents", ge=1, le=10_000_000)


class Operations:
    """Handlers of the operations."""

    def __init__(self, counters: VelocityCounters) -> None:
        self._counters = counters

    async def assess(self, request: web.Request) -> web.Response:
        """Scores an order; the same order gets the same score, and is counted once."""
        order = await parse_body(request, AssessmentRequest)
        assessment = await self._counters.recall(order.order_id)
        if assessment is None:
            velocity = await self._counters.count(order.rider_id, order.amount_cents)
            fresh = score(velocity, order.amount_cents)
            assessment = await self._counters.remember(order.order_id, fresh)
        return web.json_response(_document(order.order_id, assessment))

    async def get_assessment(self, request: web.Request) -> web.Response:
        """What an order was given."""
        order_id = request.match_info["order"]
        assessment = await self._counters.recall(order_id)
        if assessment is None:
            raise not_found(f"assessment of order {order_id}")
        return web.json_response(_document(order_id, assessment))


def routes(counters: VelocityCounters) -> list[web.RouteDef]:
    """The operations as routes."""
    operations = Operations(counters)
    return [
        web.post("/v1/assessments", operations.assess),
        web.get("/v1/assessments/{order}", operations.get_assessment),
    ]


def _document(order_id: str, assessment: Score) -> dict[str, object]:
    return {
        "orderId": order_id,
        "points": assessment.points,
        "decision": assessment.decision,
        "reasons": list(assessment.reasons),
    }
