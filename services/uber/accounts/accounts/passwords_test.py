from accounts.passwords import hash_password, is_password


async def test_a_password_is_recognised_and_no_other() -> None:
    stored = await hash_password("a long way home")
    assert await is_password("a long way home", stored)
    assert not await is_password("a long way Home", stored)


async def test_equal_passwords_have_different_hashes() -> None:
    one, other = await hash_password("a long way home"), await hash_password("a long way home")
    assert one.digest != other.digest
    assert b"home" not in one.digest
