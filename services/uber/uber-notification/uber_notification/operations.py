"""The service's operations over HTTP."""

from aiohttp import web
from pydantic import BaseModel, Field

from dotline_service.bearer import verify_bearer
from dotline_service.parse import parse_body, parse_query
from dotline_service.peers import Peers
from dotline_service.problem import Problem
from uber_notification.inbox import INBOX_LENGTH_MAX, Inboxes, Notification


class ListQuery(BaseModel):
    """How much of an inbox to read."""

    limit: int = Field(default=20, ge=1, le=INBOX_LENGTH_MAX)


class Owner(BaseModel):
    """What `accounts` answers."""

    account_id: str = Field(alias="accountId")


class Operations:
    """Handlers of the operations."""

    def __init__(self, inboxes: Inboxes, peers: Peers) -> None:
        self._inboxes = inboxes
        self._peers = peers

    async def send(self, request: web.Request) -> web.Response:
        """Delivers a notification; the same id again changes nothing."""
        notification = await parse_body(request, Notification)
        fresh = await self._inboxes.deliver(notification)
        return web.json_response({"id": notification.id, "delivered": fresh}, status=202)

    async def list(self, request: web.Request) -> web.Response:
        """A rider's own inbox; the bearer token says who asks."""
        query = parse_query(request, ListQuery)
        recipient = request.match_info["recipient"]
        owner = await verify_bearer(self._peers, request, "accounts", "/v1/tokens/verify", Owner)
        if recipient != f"rider:{owner.account_id}":
            raise Problem(403, "Not yours", "An inbox is read by its recipient alone")
        found = await self._inboxes.read(recipient, query.limit)
        documents = [entry.model_dump(mode="json", by_alias=True) for entry in found]
        return web.json_response({"notifications": documents})


def routes(inboxes: Inboxes, peers: Peers) -> list[web.RouteDef]:
    """The operations as routes."""
    operations = Operations(inboxes, peers)
    return [
        web.post("/v1/notifications", operations.send),
        web.get("/v1/inboxes/{recipient}", operations.list),
    ]
