"""Refused pushes of a HIS: kept without what was sent, listed, and worded for the vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.access.his.accounts import HisAccount
from portal.core.clock import local, now
from portal.core.ids import new_id
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.models.tables import BILL, HIS_ACCOUNT, HIS_REFUSAL, VOUCHER

TITLES: Mapping[str, str] = {
    "invEBillRegistration": "挂号电子票据开具",
    "invoiceEBillOutpatient": "门诊电子票据开具",
    "invEBillHospitalized": "住院电子票据开具",
    "invEBillCheckUp": "体检电子票据开具",
    "invoicePayMentVoucher": "预交金凭证开具",
    "writeOffPayMentVoucher": "预交金凭证退款",
    "cancelPayMentVoucherBalance": "预交金凭证撤销",
    "invalidPayMentVoucherPaper": "作废预交金纸质凭证",
    "writeOffEBill": "电子票据冲红",
    "turnPaper": "换开纸质票据",
    "reTurnPaper": "重新换开纸质票据",
    "invalidPaper": "作废换开的纸质票据",
    "invalidBlankBillNo": "作废空白纸质票据",
    "noticeEBill": "发送通知",
    "sendNotice": "发送通知",
}
"""Methods whose refusals are kept. A question that finds nothing is no refused push."""
KEPT = timedelta(days=180)
MOST_REASON = 2000
MOST_SERIAL = 80
_SUBJECTS = (("busNo",), ("billBatchCode", "billNo"), ("pBillBatchCode", "pBillNo"))


def subject(message: Mapping[str, Any]) -> str:
    """Return what a push is known by: busNo, or code and number of the bill or sheet it names; ``""`` otherwise."""
    for names in _SUBJECTS:
        parts = [message.get(name) for name in names]
        if all(isinstance(part, str | int) and not isinstance(part, bool) for part in parts):
            text = " ".join(str(part).strip() for part in parts)
            if text.strip() and text.isprintable() and len(text) <= MOST_SERIAL:
                return text
    return ""


def keep(services: Services, account: HisAccount, method: str, serial: str, refused: tuple[str, Refusal]) -> None:
    """Keep a refused push; the same reason for the same serial again only counts. ``refused``: result code, refusal."""
    result, refusal = refused
    reason, moment = str(refusal)[:MOST_REASON], now()
    make = sqlite.insert if services.database.dialect == "sqlite" else postgresql.insert
    first = make(HIS_REFUSAL).values(
        id=new_id(),
        unit_id=account.unit_id,
        account_id=account.id,
        method=method,
        serial=serial,
        result=result,
        reason=reason,
        digest=services.index.digest("his.refusal", reason),
        first_at=moment,
        last_at=moment,
        count=1,
    )
    again = {"last_at": moment, "count": HIS_REFUSAL.c.count + 1}
    unique = ["account_id", "method", "serial", "digest"]
    with services.database.write() as connection:
        connection.execute(first.on_conflict_do_update(index_elements=unique, set_=again))


def _done() -> ColumnElement[bool]:
    """Whether the serial of a refused push has become a bill or a voucher since."""
    bill = exists().where(BILL.c.account_id == HIS_REFUSAL.c.account_id, BILL.c.serial == HIS_REFUSAL.c.serial)
    voucher = exists().where(VOUCHER.c.account_id == HIS_REFUSAL.c.account_id, VOUCHER.c.serial == HIS_REFUSAL.c.serial)
    return bill | voucher


def of_unit(unit_id: int) -> Select[Any]:
    """Select the refused pushes of a unit with the name of their account and whether the serial has its bill now."""
    joined = HIS_REFUSAL.join(HIS_ACCOUNT, HIS_ACCOUNT.c.id == HIS_REFUSAL.c.account_id)
    shown = (HIS_REFUSAL, HIS_ACCOUNT.c.appid, HIS_ACCOUNT.c.name.label("account"), _done().label("done"))
    return select(*shown).select_from(joined).where(HIS_REFUSAL.c.unit_id == unit_id)


def serial_is(text: str) -> ColumnElement[bool]:
    """Filter by the serial, or by code and number, as they were sent."""
    return HIS_REFUSAL.c.serial == text.strip()


def done_is(value: str) -> ColumnElement[bool]:
    """Filter by whether the serial has its bill: ``yes`` or ``no``."""
    return _done() if value == "yes" else ~_done()


@dataclass(frozen=True, slots=True)
class RefusedPush:
    """One refused push as it is shown."""

    id: int
    appid: str
    account: str
    method: str
    serial: str
    result: str
    reason: str
    first_at: datetime
    last_at: datetime
    count: int
    done: bool


def one(connection: Connection, unit_id: int, refusal_id: int) -> RefusedPush:
    """Read a refused push of the unit. Raises PAGE_NOT_FOUND."""
    row = connection.execute(of_unit(unit_id).where(HIS_REFUSAL.c.id == refusal_id)).one_or_none()
    if row is None:
        raise Refusal("PAGE_NOT_FOUND")
    return RefusedPush(**{name: row._mapping[name] for name in RefusedPush.__slots__})


def for_vendor(push: RefusedPush) -> str:
    """Word a refused push for the HIS's vendor: what came, why it was refused, what to do."""
    times = f"首次 {local(push.first_at):%Y-%m-%d %H:%M:%S}，最近 {local(push.last_at):%Y-%m-%d %H:%M:%S}"
    return "\n".join(
        (
            f"接口：{push.method}（{TITLES.get(push.method, '')}）",
            f"应用账号：{push.appid}",
            f"业务流水号或票号：{push.serial or '（报文中没有）'}",
            f"结果码：{push.result}",
            f"原因：{push.reason}",
            f"时间：{times}，共 {push.count} 次",
            "处理：更正后用同一业务流水号重新推送即可，不会重复开票。",
        )
    )


def by_serial(connection: Connection, unit_id: int, serial: str) -> list[int]:
    """Return the ids of the refused pushes of a serial, the latest first."""
    rows = of_unit(unit_id).where(serial_is(serial)).order_by(HIS_REFUSAL.c.last_at.desc(), HIS_REFUSAL.c.id.desc())
    return [row.id for row in connection.execute(rows.limit(20))]


def clean(connection: Connection) -> None:
    """Forget refusals that have not come again for half a year."""
    connection.execute(delete(HIS_REFUSAL).where(HIS_REFUSAL.c.last_at < now() - KEPT))
