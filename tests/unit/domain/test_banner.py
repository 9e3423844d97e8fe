"""What an installation of invented people says of itself."""

from __future__ import annotations

from portal.domain.banner import Banner


def test_a_banner_is_there_when_it_has_a_word() -> None:
    assert Banner(word="演示")
    assert not Banner(data="演示数据", page="演示")
