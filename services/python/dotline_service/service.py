"""The life of a service's process: serve, and stop in order."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from aiohttp import web

from dotline_service.problem import Problem, not_found
from dotline_service.telemetry import untraced

_BODY_BYTES_MAX = 65_536
_DRAIN_SECONDS_MAX = 3.0

_log = logging.getLogger(__name__)


class Resource(Protocol):
    """Something that a service holds while it runs: a store, a client."""

    async def close(self) -> None:
        """Lets go of it."""


def application(
    routes: Sequence[web.AbstractRouteDef], ready: Callable[[], Awaitable[None]]
) -> web.Application:
    """The operations, `GET /healthz` (200 while `ready` returns), and problems as JSON."""

    async def healthz(_request: web.Request) -> web.Response:
        # Checks come every few seconds and would be most of the traces.
        with untraced():
            await ready()
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=_BODY_BYTES_MAX, middlewares=[_problems_as_json])
    app.add_routes([web.get("/healthz", healthz), *routes])
    return app


async def run_until_stopped(
    app: web.Application, listen: str, resources: Sequence[Resource]
) -> None:
    """Serves on the Unix socket until SIGTERM or SIGINT, then closes `resources` in order."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)

    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_SECONDS_MAX)
    await runner.setup()
    _make_way(Path(listen))
    await web.UnixSite(runner, listen).start()
    _log.info("listening", extra={"socket": listen, "pid": os.getpid()})

    await stopped.wait()
    _log.info("stopping")
    await runner.cleanup()
    for resource in resources:
        try:
            await resource.close()
        except Exception:
            _log.exception("could not close %s", type(resource).__name__)


def _make_way(socket: Path) -> None:
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)  # left by a run that was killed


@web.middleware
async def _problems_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        if problem.status >= 500:
            _log.error(
                "%s %s: %s", request.method, request.path, problem, exc_info=problem.__cause__
            )
        return problem.response()
    except web.HTTPNotFound:
        return not_found(f"{request.method} {request.path}").response()
    except web.HTTPException as error:
        return Problem(error.status, "Invalid request", error.reason).response()
    except Exception:
        _log.exception("%s %s failed", request.method, request.path)
        detail = "The service failed; its log has the cause"
        return Problem(500, "Internal error", detail).response()
