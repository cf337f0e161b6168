"""Starts the service."""

import asyncio

from dotline_service.service import application, run_until_stopped
from dotline_service.settings import ValkeySettings, read_settings
from dotline_service.telemetry import Telemetry
from dotline_service.valkey import Valkey
from fraud.operations import routes
from fraud.velocity import VelocityCounters


async def main() -> None:
    """Wires the service and serves until it is stopped."""
    settings = read_settings(ValkeySettings)
    telemetry = Telemetry(settings)
    valkey = Valkey(settings.redis_url, settings.redis_key_prefix)
    app = application(routes(VelocityCounters(valkey)), ready=valkey.ping)
    await run_until_stopped(app, settings.listen, [valkey])
    telemetry.stop()


asyncio.run(main())
