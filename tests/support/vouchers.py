"""Prepayments for tests: numbers for vouchers, and the bodies that a HIS sends."""

from __future__ import annotations

from typing import Any

from flask import Flask

from portal.core.clock import stamp17
from portal.models import HisAccount
from tests.support.his import DAY, SETTLED, His, at, outpatient


def policies(app: Flask, **values: str) -> None:
    """Set switches of the demo account."""
    with app.extensions["qupiao"].services.database.write() as connection:
        connection.execute(HisAccount.__table__.update().values(policies=values))


def deposit(serial: str, amount: Any = "1000.00", **changes: Any) -> dict[str, Any]:
    """A deposit of 谭例霞, as client C serialises it: empty texts, absent numbers as 0."""
    return {
        "busNo": serial,
        "busType": "07",
        "payer": "谭例霞",
        "busDateTime": stamp17(SETTLED),
        "placeCode": "04",
        "payee": "收费员甲",
        "drawee": "谭示明",
        "author": "收费员甲",
        "tel": "10000000008",
        "email": "",
        "idCardNo": "000000196506300084",
        "cardType": "3101",
        "cardNo": "9900000008",
        "amt": amount,
        "ownAcBalance": 0,
        "category": "内儿科病区",
        "categoryCode": "1301",
        "inHospitalDate": f"{DAY}",
        "hospitalNo": "ZY000008",
        "visitNo": "ZY000008-1",
        "patientId": "",
        "payChannelDetail": [{"payChannelCode": "05", "payChannelValue": amount}],
        "accountName": "",
        "accountNo": "",
        "accountBank": "",
        "remark": "",
        "workUnit": "",
    } | changes


def taking(voucher: dict[str, str], amount: Any = None, when: str = "", **changes: Any) -> dict[str, Any]:
    """A refund of ``amount`` or, without one, the taking back of the voucher that was answered."""
    body = {
        "busType": "07",
        "billBatchCode": voucher["billBatchCode"],
        "billNo": voucher["billNo"],
        "voucherBatchCode": voucher["voucherBatchCode"],
        "voucherNo": voucher["voucherNo"],
        "reason": "退押金",
        "operator": "收费员甲",
        "busDateTime": when or at("100000", 1),
        "placeCode": "04",
    }
    return body | ({"amt": amount, "ownAcBalance": ""} if amount is not None else {}) | changes


def settlement(serial: str, *uses: tuple[dict[str, str], Any], **changes: Any) -> dict[str, Any]:
    """An inpatient settlement of 128.50 yuan of the same patient that uses parts of vouchers."""
    rows = [
        {"voucherBatchCode": voucher["voucherBatchCode"], "voucherNo": voucher["voucherNo"], "voucherAmt": amount}
        for voucher, amount in uses
    ]
    stay = {
        "busType": "01",
        "placeCode": "04",
        "payer": "谭例霞",
        "idCardNo": "000000196506300084",
        "cardNo": "9900000008",
        "cardType": "3101",
        "tel": "10000000008",
        "hospitalNo": "ZY000008",
        "visitNo": "ZY000008-1",
        "category": "内儿科病区",
        "inHospitalDate": f"{DAY}",
        "outHospitalDate": f"{DAY}",
        "payMentVoucher": rows,
    }
    return outpatient(serial, **(stay | changes))


def paid_in(his: His, serial: str = "YJ1", amount: Any = "1000.00", **changes: Any) -> dict[str, Any]:
    """Issue a deposit's voucher and return the answer."""
    answer = his.call("invoicePayMentVoucher", deposit(serial, amount, **changes))
    assert answer.ok, answer.message
    return answer.payload
