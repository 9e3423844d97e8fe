"""Card packs: consent, authorisation, PDF and insertion, reversal, lost events and answers; being told over WeChat."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pypdf
import pytest
from sqlalchemy import update

from portal.core.clock import now
from portal.delivery import channels
from portal.delivery.bindings import Subject
from portal.delivery.cards import alipay as alipay_cards
from portal.delivery.cards import orders
from portal.delivery.cards.orders import Asker
from portal.delivery.cards.worker import CardDesk
from portal.demo.accounts import DEMO_ALIPAY_APP
from portal.demo.settings import DemoSettings
from portal.domain.errors import Refusal
from portal.models.tables import BILL_CARD
from tests.support import platforms
from tests.support.cards import Bench
from tests.support.console import at_window
from tests.support.platforms import ALIPAY_USER, FOLLOWER
from tests.support.processes.simulators import Simulators, running_simulators


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("cards")) as simulators:
        yield simulators


@pytest.fixture
def bench(settings: DemoSettings, process: Simulators, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(settings, process, f"CARD-{request.node.name[-30:]}")
    yield made
    made.services.database.engine.dispose()


def test_a_bill_becomes_a_card_and_ends_with_it(bench: Bench) -> None:
    """Consent first, then authorisation, a whole PDF, the card; closed when the bill is reversed."""
    page = bench.pages.get(bench.address)
    assert "不放入不影响取票和报销" in page.text
    bench.pages.submit(page, {"platform": "wechat"}, 422, action=bench.address)
    assert (bench.consents(), bench.card()) == (0, None), "nothing without consent"
    link = bench.order()
    assert (bench.card().state, bench.consents()) == ("offered", 1)
    assert bench.order() == link and bench.consents() == 1, "asked again: the same order"
    bench.authorise(link)
    bench.authorised()
    card, (there,) = bench.card(), bench.at_wechat()
    assert (card.state, card.card_code, there["openid"]) == ("inserted", there["code"], FOLLOWER)
    bill, data = bench.facts(), there["data"]
    assert (data["billing_no"], data["billing_code"], data["fee"]) == (bill.code, bill.number, bill.total_fen)
    pdf = httpx.get(bench.process.url(f"/wechat/pdf/{there['media_id']}"), trust_env=False).content
    read = pypdf.PdfReader(io.BytesIO(pdf))
    assert bill.number in read.pages[0].extract_text() and set(read.attachments) == {"einvoice.xml"}
    assert "已放入" in bench.pages.get(bench.address).text
    bench.authorised()
    assert len(bench.at_wechat()) == 1, "the same event again makes no second card"
    bench.push("update_invoice_status", f"<Status>INVOICE_REIMBURSE_CLOSURE</Status><Code>{there['code']}</Code>")
    assert bench.card().reimburse == "closure"
    bench.reverse()
    assert bench.card().state == "cancelled"
    assert bench.at_wechat()[0]["status"] == "INVOICE_REIMBURSE_CANCEL"
    assert "已撤销" in bench.pages.get(bench.address).text


@pytest.mark.parametrize("level", ["slip", "code then slip"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_by_slip_the_card_has_the_face_alone(bench: Bench, level: str) -> None:
    """WeChat's pack only; the PDF without list pages and data file, also when the order was begun by the patient."""
    if level == "code then slip":
        bench.order()
    bench.by_slip()
    page = bench.pages.get(bench.address)
    assert "凭告知单放入的 PDF 只有票面" in page.text and "支付宝" not in page.text
    with pytest.raises(Refusal):
        orders.ask(bench.services, bench.facts(), "alipay", Asker("patient:slip", whole=False))
    bench.authorise(bench.order())
    bench.authorised()
    [there] = bench.at_wechat()
    data = httpx.get(bench.process.url(f"/wechat/pdf/{there['media_id']}"), trust_env=False).content
    pdf = pypdf.PdfReader(io.BytesIO(data))
    assert len(pdf.pages) == 1 and dict(pdf.attachments) == {}
    assert "000000195203150010" not in pdf.pages[0].extract_text()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_reverses_a_bill_in_reimbursement_is_asked_first(bench: Bench) -> None:
    """Only while WeChat's last word is that a reimburser locked or closed the card."""
    bench.authorise(bench.order())
    bench.authorised()
    lead, reverse = at_window(bench.app, "lead"), f"/console/billing/bills/{bench.bill_id}/reverse"
    code = bench.card().card_code

    def told(state: str) -> str:
        bench.push("update_invoice_status", f"<Status>INVOICE_REIMBURSE_{state}</Status><Code>{code}</Code>")
        return lead.get(reverse).text

    assert "报销" not in lead.get(reverse).text and "已被报销单位锁定" in told("LOCK") and "报销" not in told("INIT")
    assert "已经报销" in told("CLOSURE")
    stopped = lead.send(reverse, "冲红", kind="refund")
    assert stopped.status_code == 422 and "请先与交款人核实" in stopped.text
    assert "已冲红" in lead.follow(lead.send(reverse, "冲红", kind="refund", informed="y"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_lost_events_and_answers(bench: Bench) -> None:
    """No event: the sweep asks. The answer to the insertion is lost: one card, and its code is said to be missing."""
    link = bench.order()
    bench.authorise(link)
    with bench.services.database.write() as connection:
        connection.execute(update(BILL_CARD).values(state_at=now() - timedelta(minutes=10)))
        orders.tasks.enqueue(connection, "card.sweep", "card.sweep:test", {})
    bench.process.post("/wechat/script", {"card/invoice/platform/setpdf": [-1], "nontax/insertbill": [72082]})
    for _ in range(4):
        bench.worker.drain()
        bench.due()
    assert bench.card().state == "inserted"
    calls = bench.process.get("/wechat/calls")["card/invoice/platform/setpdf"]
    assert len(bench.at_wechat()) == 1 and calls >= 3, "a PDF that was not acceptable is uploaded once more"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_insertion_whose_answer_is_lost_is_one_card(bench: Bench) -> None:
    """UNKNOWN repeats with the same order: 72018 then says that it is ours."""
    bench.authorise(bench.order())
    client = CardDesk(bench.services).wechat._providers.service
    client.ticket("wx_card")
    real = bench.process.get("/wechat/calls").get("nontax/insertbill", 0)
    bench.process.faults("wechat", answer_lost={"probability": 0.5})
    bench.push("user_authorize_invoice", f"<SuccOrderId>{bench.card().order_id}</SuccOrderId>")
    for _ in range(25):
        bench.due()
        bench.worker.drain()
        if bench.card().state == "inserted":
            break
    assert bench.card().state == "inserted" and len(bench.at_wechat()) == 1
    assert bench.process.get("/wechat/calls")["nontax/insertbill"] > real


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_person_is_told_when_it_does_not_work(bench: Bench) -> None:
    """WeChat away: said so, no dead end. Refused: a new try has another order. Wrong payload: failed, PDF instead."""
    bench.process.faults("wechat", down={"probability": 1})
    page = bench.pages.submit(
        bench.pages.get(bench.address), {"agree": "1", "platform": "wechat"}, 503, action=bench.address
    )
    assert "没有放入卡包" in page.text
    bench.process.faults("wechat")
    bench.authorise(bench.order())
    first = bench.card().order_id
    bench.push("user_authorize_invoice", f"<FailOrderId>{first}</FailOrderId>")
    assert bench.card().state == "refused"
    bench.authorise(bench.order())
    assert bench.card().order_id != first
    bench.process.post("/wechat/script", {"nontax/insertbill": [72031]})
    bench.authorised()
    assert (bench.card().state, bench.card().reason[:5]) == ("failed", "72031")
    assert "请下载 PDF" in bench.pages.get(bench.address).text
    with pytest.raises(Refusal):
        orders.ask(bench.services, bench.facts(), "alipay", Asker("patient:test", whole=True))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_alipay_gets_the_bill_and_its_red_one(bench: Bench) -> None:
    """Bound account, consent, fiscal classes only, a file address that ends; RED at the reversal."""
    assert "请先绑定支付宝" in bench.pages.get(bench.address).text
    platforms.bound(bench.app, bench.bill_id, Subject("alipay", DEMO_ALIPAY_APP, "open_id", ALIPAY_USER))
    bench.pages.submit(bench.pages.get(bench.address), {"agree": "1", "platform": "alipay"}, action=bench.address)
    bench.worker.drain()
    bill = bench.facts()
    blue = next(row for row in bench.process.get("/alipay/invoices") if row["number"] == bill.number)
    assert (blue["kind"], blue["content"]["sum_amount"]) == ("BLUE", "128.50")
    assert bench.card("alipay").state == "inserted"
    path = blue["content"]["file_download_url"].split("18000", 1)[1]
    assert bench.app.test_client().get(path).data.startswith(b"%PDF")
    assert bench.app.test_client().get(path[:-2] + "AA").status_code == 404
    old = alipay_cards.file_token(bench.services, bench.bill_id, 1)
    assert bench.app.test_client().get(f"/alipay/file/{old}").status_code == 404
    bench.reverse()
    reds = [row for row in bench.process.get("/alipay/invoices") if row["kind"] == "RED"]
    assert [row["content"]["ori_blue_inv_no"] for row in reds] == [bill.number]
    assert bench.card("alipay").state == "cancelled"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("platform", "title", "code"), [("wechat", "微信", "code"), ("alipay", "支付宝", "auth_code")])
def test_being_told_over_a_platform(bench: Bench, platform: str, title: str, code: str) -> None:
    """Bind by the platform's log-in, with a state of this session only; end it again."""
    address = f"/h/pgzx/{platform}"
    page = bench.pages.get(address)
    link = re.search(r'href="([^"]+/(?:connect/oauth2/authorize|publicAppAuthorize.htm)[^"]+)"', page.text)
    assert link
    choices = httpx.get(link[1].replace("&amp;", "&"), trust_env=False).text
    assert f"{title}网页授权" in choices
    back = re.search(rf'href="[^"]*({address}\?[^"]*{code}=[^"]+)"', choices)
    assert back
    path = back[1].replace("&amp;", "&")
    bench.pages.get(path.replace("state=", "state=0"), 401)
    assert f"不再用{title}通知我" in bench.pages.get(path).text
    page = bench.pages.submit(bench.pages.get(address), {}, action=address)
    assert f"绑定我的{title}" in page.text
    assert channels.channels(bench.services)
