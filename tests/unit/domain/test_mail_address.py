"""Slips of the finger in e-mail addresses."""

from __future__ import annotations

import pytest

from portal.domain.mail_address import USUAL, is_address, suggestion, tidy


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lin@qq.con", "lin@qq.com"),
        ("lin@qq.cm", "lin@qq.com"),
        ("lin@gmial.com", "lin@gmail.com"),
        ("lin@qqq.com", "lin@qq.com"),
        ("lin@163.co", "lin@163.com"),
        ("lin＠ＱＱ。ｃｏｎ", "lin@qq.com"),
        ("lin@example.com", ""),
        ("lin@166.com", ""),
        ("lin@gmail.xom", "lin@gmail.com"),
        ("lin@16e.com", "lin@163.com"),
        ("lin@qqxcom", "lin@qq.com"),
        ("lin@yaeh.net", "lin@yeah.net"),
        ("lin@yabh.net", ""),
        ("lin@yxeh.net", ""),
        ("lin@sian.com", "lin@sina.com"),
        ("a@b@qq.con", "a@b@qq.com"),
        ("lin", ""),
        ("@qq.con", ""),
    ],
)
def test_what_was_meant(typed: str, meant: str) -> None:
    assert suggestion(typed) == meant


def test_usual_ones_are_never_questioned() -> None:
    assert [suggestion(f"lin@{domain}") for domain in USUAL] == [""] * len(USUAL)


@pytest.mark.parametrize(
    ("typed", "tidied"),
    [
        (" Lin @ QQ.com ", "Lin@qq.com"),
        ("Lin＠ＱＱ。ＣＯＭ", "Lin@qq.com"),
        ("lin@qq，com", "lin@qq.com"),
        ("lin@qq,com", "lin@qq.com"),
        ("Lin@Home@QQ.com", "Lin@Home@qq.com"),
        ("LIN", "LIN"),
        ("", ""),
    ],
)
def test_an_address_is_tidied_and_its_local_part_stays(typed: str, tidied: str) -> None:
    assert tidy(typed) == tidied


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("zhang@163.com", True),
        ("zh.ang+1@mail.example.com", True),
        ("zh..ang@163.com", False),
        (".zhang@qq.com", False),
        ("zhang.@qq.com", False),
        ("zhang@qq..com", False),
        ("zhang@-qq.com", False),
        ("zhang@localhost", False),
        ("张@qq.com", False),
        ("a" * 65 + "@qq.com", False),
        ("zhang", False),
    ],
)
def test_an_address_is_one_that_mail_can_go_to(address: str, good: bool) -> None:
    assert is_address(address) is good
