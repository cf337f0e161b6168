"""Starts the service."""

import asyncio

from dotline_service.peers import Peers
from dotline_service.service import application, run_until_stopped
from dotline_service.settings import ValkeySettings, read_settings
from dotline_service.telemetry import Telemetry
from dotline_service.valkey import Valkey
from whatsapp_notification.operations import routes
from whatsapp_notification.queue import Queues


async def main() -> None:
    """Wires the service and serves until it is stopped."""
    settings = read_settings(ValkeySettings)
    telemetry = Telemetry(settings)
    valkey = Valkey(settings.redis_url, settings.redis_key_prefix)
    peers = Peers(settings.outbound)
    await peers.start()
    app = application(routes(Queues(valkey), peers), ready=valkey.ping)
    await run_until_stopped(app, settings.listen, [peers, valkey])
    telemetry.stop()


asyncio.run(main())
