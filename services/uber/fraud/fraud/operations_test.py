from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from dotline_service.service import application
from dotline_service.valkey import Valkey
from fraud.operations import routes
from fraud.velocity import VelocityCounters


@pytest.fixture
async def client(valkey_url: str, request: pytest.FixtureRequest) -> AsyncIterator[TestClient]:
    valkey = Valkey(valkey_url, f"{request.node.name}:")
    app = application(routes(VelocityCounters(valkey, clock=lambda: 7_200.0)), ready=valkey.ping)
    async with TestClient(TestServer(app)) as client:
        yield client
    await valkey.close()


async def assess(client: TestClient, order: str, cents: int = 1_200) -> dict:
    body = {"orderId": order, "riderId": "r1", "amountCents": cents}
    answer = await client.post("/v1/assessments", json=body)
    assert answer.status == 200
    return await answer.json()


async def test_a_rider_who_orders_all_the_time_is_refused(client: TestClient) -> None:
    decisions = [(await assess(client, f"o{n}"))["decision"] for n in range(12)]
    assert decisions[0] == "accept"
    assert decisions[-1] == "reject"
    assert decisions == sorted(decisions)


async def test_the_same_order_is_counted_once_and_keeps_its_answer(client: TestClient) -> None:
    first = await assess(client, "o1")
    for _ in range(20):
        assert await assess(client, "o1") == first
    assert (await assess(client, "o2"))["decision"] == "accept"
    again = await client.get("/v1/assessments/o1")
    assert await again.json() == first


async def test_what_is_wrong_is_named(client: TestClient) -> None:
    answer = await client.post("/v1/assessments", json={"orderId": "o 1", "amountCents": 0})
    assert answer.status == 400
    assert answer.content_type == "application/problem+json"
    document = await answer.json()
    assert {error["field"] for error in document["errors"]} == {"orderId", "riderId", "amountCents"}
    assert (await client.get("/v1/assessments/unknown")).status == 404
    assert (await client.get("/v1/nothing")).status == 404


async def test_health_is_that_of_the_store(client: TestClient) -> None:
    assert (await client.get("/healthz")).status == 200


async def test_without_a_store_it_says_so() -> None:
    valkey = Valkey("redis://127.0.0.1:1", "fraud:")
    app = application(routes(VelocityCounters(valkey)), ready=valkey.ping)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/healthz")).status == 503
        body = {"orderId": "o1", "riderId": "r1", "amountCents": 1}
        answer = await client.post("/v1/assessments", json=body)
        assert answer.status == 503
        assert (await answer.json())["store"] == "Valkey"
    await valkey.close()
