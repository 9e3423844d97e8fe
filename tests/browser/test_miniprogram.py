"""The mini-program's own pages, from log-in to a bill in the mail, against the running application."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pypdfium2
import pytest
from playwright.sync_api import Browser

from portal.blueprints.mini import openapi
from portal.core.clock import business_day, now
from portal.demo.accounts import DEMO_MINI, DEMO_TEMPLATES
from tests.browser.weapp import WeChatPhone
from tests.support.his import http, outpatient
from tests.support.phone import last_code
from tests.support.platforms import MINI_USER
from tests.support.processes.installation import Installation
from tests.support.processes.services import wait_for

NAME, NUMBER, PHONE = "林演安", "000000195203150010", "10000000001"
OTHER, STRANGER = "oDEMO-miniapp-user-00000002", "oDEMO-miniapp-user-00000003"
HOLDER = "oDEMO-miniapp-user-00000004"
SLIPS = "oDEMO-miniapp-user-00000005"
NUMBER_FIELD = "证件号、就诊卡号或手机号"
Phones = Callable[[str], WeChatPhone]


@pytest.fixture
def phones(installation: Installation, browser: Browser) -> Iterator[Phones]:
    """Phones by WeChat user; none of them may have met a fault of the program."""
    made: list[WeChatPhone] = []

    def phone(openid: str) -> WeChatPhone:
        made.append(WeChatPhone(browser, installation, openid, DEMO_TEMPLATES["mini_subscription"]))
        return made[-1]

    yield phone
    faults = [fault for one in made for fault in one.faults]
    for one in made:
        one.close()
    assert faults == []


def identified(phone: WeChatPhone, installation: Installation, before: int) -> None:
    """Number, name and the code of the text message, typed."""
    phone.type(NUMBER_FIELD, NUMBER)
    phone.type("患者姓名", NAME)
    phone.tap("发验证码到预留手机")
    phone.see("验证码已发到")
    phone.type("验证码", last_code(installation, before))
    phone.tap("查看票据")
    phone.see("林** 的票据")


def messages(installation: Installation, path: str) -> list[dict[str, Any]]:
    """What an inbox of the simulators holds, newest first."""
    found: list[dict[str, Any]] = httpx.get(f"{installation.simulators}{path}", trust_env=False).json()
    return found


def wechat_has(installation: Installation, openid: str, phone: str) -> None:
    """A user of the mini-program whose phone WeChat knows."""
    person = {"openid": openid, "appid": DEMO_MINI.appid, "phone": phone}
    httpx.post(f"{installation.simulators}/wechat/people", json=person, trust_env=False).raise_for_status()


def test_from_a_scan_to_the_mail(installation: Installation, phones: Phones, tmp_path: Path) -> None:
    """Card scanned, name typed, code typed; list, bill, PDF, mail; back, out. Later starts ask for nothing."""
    assert http(installation.base)("invoiceEBillOutpatient", outpatient("W1")).ok
    before = len(messages(installation, "/sms/messages"))
    phone = phones(MINI_USER)
    phone.start(scanned="https://qupiao.example/h/pgzx")
    phone.tap("扫就诊卡")
    phone.see("用微信首页的“扫一扫”")
    phone.tap("发验证码")
    phone.see("两项都需要")
    phone.start(scanned=NUMBER)
    phone.tap("扫就诊卡")
    assert phone.page.get_by_label(NUMBER_FIELD).input_value() == NUMBER
    phone.picture(tmp_path / "scan.png")
    identified(phone, installation, before)
    phone.picture(tmp_path / "list.png")
    phone.tap("128.50 元")
    text = phone.see("这次一共 128.50 元，医保付了 80.00 元，您付了 48.50 元。")
    assert "诊察费　20.00" in text and "校验码" in text
    phone.picture(tmp_path / "detail.png")
    phone.tap("打开 PDF")
    [pdf] = wait_for(phone.opened, 30, "the PDF")
    with pypdfium2.PdfDocument(io.BytesIO(pdf)) as document:
        assert NAME in document[0].get_textpage().get_text_range()
    phone.tap("发到邮箱")
    phone.tap("发送")
    phone.see("邮箱地址不完整")
    phone.type("邮箱地址", "lin@example.com")
    phone.tap("发送")
    phone.see("lin@example.com：")
    phone.picture(tmp_path / "deliver.png")
    [mail] = wait_for(lambda: messages(installation, "/mail/messages"), 60, "the e-mail")
    assert mail["to"] == "lin@example.com" and NAME not in mail["subject"] + mail["text"]
    phone.back()
    phone.see("这次一共")
    phone.back()
    phone.start()
    phone.see("林** 的票据")
    assert phone.title == "我的票据"
    phone.tap("看完了")
    phone.see("用微信手机号核实")
    assert not any(secret in unquote(one) for one in phone.addresses for secret in (NUMBER, NAME, PHONE))
    _the_next_bill_is_told(installation, phones)
    _something_is_missing(installation, phones)


def test_a_slip_then_everything_else(installation: Installation, phones: Phones, tmp_path: Path) -> None:
    """A slip scanned and a name: that bill; then proved, and each page that hangs on the list."""
    issued = http(installation.base)("invoiceEBillOutpatient", outpatient("W5"))
    assert issued.ok
    wechat_has(installation, SLIPS, PHONE)
    phone = phones(SLIPS)
    phone.start(scanned=issued.payload["pictureUrl"])
    phone.tap("扫就诊卡或告知单")
    phone.see("已扫到告知单")
    phone.type("交款人姓名", "林演错")
    phone.tap("看这张票")
    phone.see("不一致")
    phone.type("交款人姓名", NAME)
    phone.picture(tmp_path / "slip.png")
    phone.tap("看这张票")
    assert "PDF 只有票面" in phone.see("这次一共 128.50 元")
    assert "看费用清单" not in phone.see("开票日期")
    phone.picture(tmp_path / "detail.png")
    phone.start()
    phone.type(NUMBER_FIELD, NUMBER)
    phone.type("患者姓名", NAME)
    phone.tap("用微信手机号核实")
    phone.see("林** 的票据")
    phone.picture(tmp_path / "list.png")
    _each_page(phone, tmp_path)
    _of_a_bill(phone, tmp_path)


def _each_page(phone: WeChatPhone, folder: Path) -> None:
    pages = {
        "报销包": "打开报销包（PDF）",
        "一年里自己付的钱": "其中个人自付",
        "我的通知": "票据开好了",
        "家人的票据": "请家人授权",
        "为什么没有我的票": "刚缴完费",
    }
    for button, words in pages.items():
        phone.tap(button)
        phone.see(words)
        phone.picture(folder / f"{phone.title}.png")
        if button == "报销包":
            phone.tap(words)
            [pdf] = wait_for(phone.opened, 120, "the bundle")
            assert pdf.startswith(b"%PDF")
        phone.back()
    phone.tap("给窗口看")
    phone.tap("显示二维码")
    phone.see("以前有效")
    assert phone.page.locator("img").get_attribute("src").startswith("data:image/png")  # type: ignore[union-attr]
    phone.picture(folder / "window.png")
    phone.back()


def _of_a_bill(phone: WeChatPhone, folder: Path) -> None:
    phone.tap("128.50 元")
    phone.see("这张票到哪一步了")
    phone.picture(folder / "proved.png")
    phone.tap("看费用清单")
    phone.see("×")
    phone.back()
    phone.tap("放入微信")
    phone.see("微信卡包")
    phone.back()
    phone.tap("票据写错了")
    phone.tap("提交更正申请")
    phone.see("请选择哪里写错了")
    phone.tap("其他")
    phone.type("正确的是", "金额 1 元")
    phone.picture(folder / "correction.png")
    phone.tap("提交更正申请")
    phone.see("已交给窗口")
    phone.back()
    phone.see("更正申请：待答复")
    phone.tap("发到邮箱")
    phone.type("邮箱地址", "lin@qq.con")
    phone.tap("发送")
    phone.see("是不是 lin@qq.com？")
    phone.picture(folder / "asked.png")
    phone.tap("改成 lin@qq.com")
    phone.tap("发送")
    phone.see("lin@qq.com：")


def _the_next_bill_is_told(installation: Installation, phones: Phones) -> None:
    """Subscribed once by a tap: the next bill is one message; refused: none, and it says so."""
    phone = phones(MINI_USER)
    phone.start(accept=False)
    phone.see("林** 的票据")
    phone.tap("下次开票告诉我")
    phone.see("没有订阅")
    phone.page.evaluate("window.phone.accept = true")
    phone.tap("下次开票告诉我")
    phone.see("会发一条微信消息")
    assert http(installation.base)("invoiceEBillOutpatient", outpatient("W2")).ok


def test_who_holds_a_bill_verifies_it(installation: Installation, phones: Phones, tmp_path: Path) -> None:
    """Five elements without saying who one is; each mistake in words, and no word on which element differs."""
    issued = http(installation.base)("invoiceEBillOutpatient", outpatient("W9"))
    assert issued.ok
    wechat_has(installation, HOLDER, "10000000088")
    phone = phones(HOLDER)
    phone.start()
    phone.tap("查验一张票")
    phone.see("不显示任何人的信息")
    phone.tap("查验")
    phone.see("还没有填：票据代码、票据号码、校验码、开票日期、金额（元）。")
    face = {"票据代码": issued.payload["billBatchCode"], "票据号码": issued.payload["billNo"]}
    face |= {"校验码": issued.payload["random"], "开票日期": "昨天", "金额（元）": "128.50"}
    for field, text in face.items():
        phone.type(field, str(text))
    phone.tap("查验")
    phone.see("开票日期请写成")
    phone.type("开票日期", f"{business_day(now()):%Y-%m-%d}")
    phone.tap("查验")
    assert "在本站查验过 1 次" in phone.see("对上了")
    phone.picture(tmp_path / "verified.png")
    phone.type("金额（元）", "128.51")
    phone.tap("查验")
    text = phone.see("没有对上")
    assert "对上了" not in text and NAME not in text
    phone.back()
    phone.see("用微信手机号核实")


def test_by_the_phone_that_wechat_knows(installation: Installation, phones: Phones, tmp_path: Path) -> None:
    """Number, name and one tap; refused or wrong, it says what to do instead."""
    wechat_has(installation, OTHER, PHONE)
    phone = phones(OTHER)
    phone.start(phone=False)
    phone.tap("用微信手机号核实")
    phone.see("微信没有给出手机号")
    phone.page.evaluate("window.phone.phone = true")
    phone.type(NUMBER_FIELD, NUMBER)
    phone.type("患者姓名", "林演错")
    phone.tap("用微信手机号核实")
    phone.see("没有")
    phone.picture(tmp_path / "refused.png")
    phone.type("患者姓名", NAME)
    phone.tap("用微信手机号核实")
    phone.see("林** 的票据")


def _something_is_missing(installation: Installation, phones: Phones) -> None:
    """No network, a wrong code, a session that is over: words, and the way on."""
    phone = phones(MINI_USER)
    phone.start()
    phone.see("林** 的票据")
    phone.page.context.set_offline(True)
    phone.tap("128.50 元")
    phone.see("没有网络")
    phone.page.context.set_offline(False)
    phone.back()
    token = phone.page.evaluate("getApp().globalData.token")
    ended = httpx.post(
        f"{installation.base}{openapi.BASE}/logout", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )
    assert ended.status_code == 200
    phone.tap("128.50 元")
    phone.see("林** 的票据")
    phone.tap("128.50 元")
    phone.see("这次一共 128.50 元")
    wechat_has(installation, STRANGER, "10000000077")
    stranger = phones(STRANGER)
    stranger.start()
    stranger.type(NUMBER_FIELD, "000000194809060023")
    stranger.type("患者姓名", "林无此")
    stranger.tap("发验证码")
    stranger.see("验证码已发到")
    stranger.type("验证码", "12345")
    stranger.tap("查看票据")
    stranger.see("6 位数字")
    stranger.type("验证码", "123456")
    stranger.tap("查看票据")
    stranger.see("验证码不对")
    stranger.page.evaluate("getApp().globalData.token = 'over'")
    stranger.tap("发验证码")
    stranger.gone("验证码不对")
