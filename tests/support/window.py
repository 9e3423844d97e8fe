"""A HIS window with paper in its printer: exchanges, exchanges anew, voids, reverses."""

from __future__ import annotations

from typing import Any

from tests.support import codes
from tests.support.his import Answer, His, at, outpatient

CODE = codes.PAPER


class Window:
    """The window of a HIS at place 01. Methods say what happens there, their docstrings which call the HIS makes."""

    def __init__(self, his: His) -> None:
        self.his = his

    def issue(self, serial: str, **changes: Any) -> dict[str, str]:
        """A bill, as its HIS knows it."""
        answer = self.his.call("invoiceEBillOutpatient", outpatient(serial, **changes))
        return {name: answer.payload[name] for name in ("billBatchCode", "billNo")}

    def next(self, place: str = "01") -> str:
        """getPaperBillNo."""
        answer = self.his.call("getPaperBillNo", {"placeCode": place, "pBillBatchCode": CODE})
        assert answer.ok, answer.message
        return answer.payload["pBillNo"]

    def turn(self, bill: dict[str, str], number: str, method: str = "turnPaper", **changes: str) -> Answer:
        """turnPaper or reTurnPaper."""
        call = bill | {
            "pBillBatchCode": CODE,
            "pBillNo": number,
            "busDateTime": at("093000"),
            "placeCode": "01",
            "operator": "收费员甲",
        }
        return self.his.call(method, call | changes)

    def invalidate(self, number: str) -> Answer:
        """invalidPaper."""
        sheet = {"pBillBatchCode": CODE, "pBillNo": number, "placeCode": "01", "author": "收费员甲", "reason": "退费"}
        return self.his.call("invalidPaper", sheet | {"busDateTime": at("093000")})

    def lose(self, first: str, last: str) -> Answer:
        """invalidBlankBillNo."""
        loss = {"pBillBatchCode": CODE, "pBillNoStart": first, "pBillNoEnd": last, "placeCode": "01"}
        return self.his.call(
            "invalidBlankBillNo", loss | {"author": "甲", "reason": "卡纸", "busDateTime": at("093000")}
        )

    def red(self, bill: dict[str, str]) -> Answer:
        """writeOffEBill."""
        order = {"reason": "退费", "operator": "收费员甲", "busDateTime": at("100000"), "placeCode": "01"}
        return self.his.call("writeOffEBill", bill | order)

    def state(self, bill: dict[str, str]) -> tuple[str, str]:
        """isPrtPaper and pBillNo of getEBillStatesByBillInfo."""
        found = self.his.call("getEBillStatesByBillInfo", bill).payload
        return found["isPrtPaper"], found["pBillNo"]


def shift(number: str, by: int) -> str:
    """A number further on."""
    return f"{int(number) + by:010d}"
