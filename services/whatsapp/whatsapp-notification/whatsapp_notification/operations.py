"""The service's operations over HTTP."""

from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field

from dotline_service.bearer import verify_bearer
from dotline_service.parse import parse_body, parse_query
from dotline_service.peers import Peers
from whatsapp_notification.queue import WAITING_MAX, Notification, NotificationId, Queues


class WaitingQuery(BaseModel):
    """How many to tell."""

    limit: int = Field(default=50, ge=1, le=WAITING_MAX)


class Seen(BaseModel):
    """What a phone has shown."""

    ids: Annotated[list[NotificationId], Field(min_length=1, max_length=WAITING_MAX)]


class Holder(BaseModel):
    """What `sessions` answers."""

    person_id: UUID = Field(alias="personId")


class Operations:
    """Handlers of the operations."""

    def __init__(self, queues: Queues, peers: Peers) -> None:
        self._queues = queues
        self._peers = peers

    async def send(self, request: web.Request) -> web.Response:
        """Takes a notification; the same id again changes nothing."""
        notification = await parse_body(request, Notification)
        fresh = await self._queues.add(notification)
        return web.json_response({"id": notification.id, "fresh": fresh}, status=202)

    async def waiting(self, request: web.Request) -> web.Response:
        """What waits for the phone of the token's holder."""
        query = parse_query(request, WaitingQuery)
        found = await self._queues.waiting(await self._holder(request), query.limit)
        documents = [entry.model_dump(mode="json", by_alias=True) for entry in found]
        return web.json_response({"notifications": documents})

    async def seen(self, request: web.Request) -> web.Response:
        """Takes what a phone has shown off its holder's list."""
        body = await parse_body(request, Seen)
        await self._queues.seen(await self._holder(request), body.ids)
        return web.Response(status=204)

    async def _holder(self, request: web.Request) -> UUID:
        at = ("sessions", "/v1/sessions/verify")
        return (await verify_bearer(self._peers, request, *at, Holder)).person_id


def routes(queues: Queues, peers: Peers) -> list[web.RouteDef]:
    """The operations as routes."""
    operations = Operations(queues, peers)
    return [
        web.post("/v1/notifications", operations.send),
        web.get("/v1/notifications", operations.waiting),
        web.post("/v1/notifications/seen", operations.seen),
    ]
