"""Errors that a caller is told about, as problem details. Source: RFC 9457."""

from aiohttp import web


class Problem(Exception):
    """An error with the status to answer with and what a person needs to act."""

    def __init__(self, status: int, title: str, detail: str, **members: object) -> None:
        super().__init__(f"{title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.members = members

    def response(self) -> web.Response:
        """The document, of type application/problem+json."""
        document = {
            **self.members,
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return web.json_response(
            document, status=self.status, content_type="application/problem+json"
        )


class StoreUnavailable(Problem):
    """The service's own store does not answer; it is tried again, and so may the caller."""

    def __init__(self, store: str) -> None:
        detail = f"{store} does not answer; try again"
        super().__init__(503, "Store unavailable", detail, store=store)


def not_found(what: str) -> Problem:
    """404 with what was looked for."""
    return Problem(404, "Not found", f"There is no {what}")
