import pytest

from fraud.score import REJECT_AT, Velocity, score

USUAL = Velocity(orders_last_minute=1, orders_last_hour=3, cents_last_hour=3_000)


def test_a_usual_order_has_no_points() -> None:
    assert score(USUAL, 1_200).points == 0
    assert score(USUAL, 1_200).decision == "accept"


@pytest.mark.parametrize(
    ("velocity", "amount_cents", "decision"),
    [
        (Velocity(6, 6, 7_200), 1_200, "accept"),
        (Velocity(9, 9, 10_800), 1_200, "reject"),
        (Velocity(1, 3, 3_000), 60_000, "accept"),
        (Velocity(3, 60, 240_000), 60_000, "reject"),
    ],
)
def test_decisions(velocity: Velocity, amount_cents: int, decision: str) -> None:
    assert score(velocity, amount_cents).decision == decision


def test_more_of_anything_never_lowers_the_points() -> None:
    last = 0
    for n in range(1, 40):
        points = score(Velocity(n, n, n * 5_000), 1_200).points
        assert last <= points <= 100
        last = points
    assert last >= REJECT_AT


def test_reasons_name_what_was_unusual() -> None:
    assert score(Velocity(10, 10, 12_000), 1_200).reasons == ("orders in a minute",)
