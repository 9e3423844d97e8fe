"""Rules of the simulated finance for numbers: applications, grants, returns, comparison (messages 9201–9207)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from portal.core.clock import local, now
from portal.demo.granted import PLANS
from portal.providers.finance.national import stock_messages as messages
from portal.providers.finance.national.envelope import text_of
from portal.providers.finance.national.form import lines as list_fields
from portal.providers.finance.national.form import read_lines as lines_of
from portal.providers.finance.national.stock_messages import PAGE
from portal.providers.finance.result_codes import ResultCode as Result
from portal.simulators.faults import Faults, Switch
from portal.simulators.finance.rules import Answer, FinanceRefusal
from portal.simulators.store import Store

MODES = {"auto": "自动通过", "less": "自动通过一半", "return": "自动退回", "hand": "人工审批"}
STATUSES = {"0": "待审批", "1": "已通过", "2": "已退回", "3": "已下发"}
OPINION = "请附上期票据使用情况后重新申领（演示意见）"
FIRST = 1_000_001
OTHER_AGENCY = "TEST0000000000009X"

SWITCHES = (
    Switch("segment_twice", "同一号段重复下发"),
    Switch("segment_again", "同一号段换编号再下发"),
    Switch("segment_overlap", "下发的号段与已有号段重叠"),
    Switch("segment_unit", "下发的号段属于别的单位"),
    Switch("segment_count", "下发的份数不符"),
    Switch("segment_year", "下发的号段年度不符"),
    Switch("return_refused", "退回申退（不收）"),
    Switch("stock_differs", "库存核对有不符"),
)
WORK = (
    messages.APPLY,
    messages.APPLY_STATUS,
    messages.SEGMENTS,
    messages.STOCK_IN,
    messages.GIVE_BACK,
    messages.STOCK_CHECK,
    messages.APPLY_WITHDRAW,
)
"""The messages that :class:`StockRules` answers."""
Fields = Mapping[str, "str | dict[str, str]"]


class StockRules:
    """The numbers of finance. Idempotent on ApplyNo, segment id and return no., as the contract says."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def answer(self, message_no: str, fields: Fields) -> Answer:
        """Answer one message. Raises FinanceRefusal, EnvelopeError."""
        work = {
            messages.APPLY: self._apply,
            messages.APPLY_STATUS: self._status,
            messages.SEGMENTS: self._segments,
            messages.STOCK_IN: self._stock_in,
            messages.GIVE_BACK: self._give_back,
            messages.STOCK_CHECK: self._compare,
            messages.APPLY_WITHDRAW: self._withdraw,
        }[message_no]
        with self._store.transaction() as connection:
            return work(connection, fields)

    # applications

    def _apply(self, connection: sqlite3.Connection, fields: Fields) -> Answer:
        apply_no, agency = text_of(fields, "ApplyNo"), text_of(fields, "AgencyCode")
        line = lines_of(fields)[0]
        wanted = (line["BillCode"], int(line["Quantity"]))
        known = connection.execute("SELECT * FROM finance_application WHERE apply_no = ?", (apply_no,)).fetchone()
        if known is not None:
            connection.execute("UPDATE finance_application SET attempts = attempts + 1 WHERE apply_no = ?", (apply_no,))
            same = (known["bill_code"], known["quantity"]) == wanted
            return _answer(Result.DUPLICATE_SAME if same else Result.DUPLICATE_OTHER)
        if wanted[1] <= 0 or not any(wanted[0][:6] == plan.prefix for plan in PLANS):
            raise FinanceRefusal(Result.FIELD_INVALID, "票据种类未核准或数量无效")
        connection.execute(
            "INSERT INTO finance_application VALUES (?, ?, ?, ?, ?, '0', NULL, '', ?, NULL, 1)",
            (apply_no, agency, *wanted, line.get("Reason", ""), time.time()),
        )
        return _answer(Result.OK)

    def _status(self, connection: sqlite3.Connection, fields: Fields) -> Answer:
        apply_no = text_of(fields, "ApplyNo")
        row = self._application(connection, apply_no)
        mode = self.mode()
        if row["status"] == "0" and mode != "hand":
            quantity = row["quantity"] // 2 if mode == "less" else row["quantity"]
            self.decide(apply_no, mode != "return", max(quantity, 1), OPINION if mode == "return" else "")
            row = self._application(connection, apply_no)
        reviewer = "演示财政审批员" if row["status"] != "0" else ""
        return _answer(Result.OK) | {
            "Status": row["status"],
            "ApprovedQuantity": str(row["approved"] or ""),
            "Opinion": row["opinion"],
            "Reviewer": reviewer,
        }

    def _withdraw(self, connection: sqlite3.Connection, fields: Fields) -> Answer:
        row = self._application(connection, text_of(fields, "ApplyNo"))
        if row["status"] != "0":
            raise FinanceRefusal(Result.TOO_LATE)
        connection.execute("DELETE FROM finance_application WHERE apply_no = ?", (row["apply_no"],))
        return _answer(Result.OK)

    def _application(self, connection: sqlite3.Connection, apply_no: str) -> sqlite3.Row:
        row = connection.execute("SELECT * FROM finance_application WHERE apply_no = ?", (apply_no,)).fetchone()
        if row is None:
            raise FinanceRefusal(Result.APPLICATION_UNKNOWN)
        return row  # type: ignore[no-any-return]

    def decide(self, apply_no: str, approve: bool, quantity: int, opinion: str) -> bool:
        """Approve (maybe less) or return an application, as an officer would; False when it is decided already."""
        with self._store.transaction() as connection:
            changed = connection.execute(
                "UPDATE finance_application SET status = ?, approved = ?, opinion = ?, decided_at = ?"
                " WHERE apply_no = ? AND status = '0'",
                ("1" if approve else "2", quantity if approve else None, opinion[:200], time.time(), apply_no),
            )
        return changed.rowcount == 1

    def mode(self) -> str:
        """Return how applications are decided: auto, less, return, hand."""
        with self._store.transaction() as connection:
            row = connection.execute("SELECT value FROM finance_setting WHERE name = 'approval'").fetchone()
        return str(row["value"]) if row is not None else "auto"

    def set_mode(self, mode: str) -> None:
        """Change how applications are decided. Raises ValueError in Chinese."""
        if mode not in MODES:
            raise ValueError("没有这种审批方式")
        with self._store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO finance_setting VALUES ('approval', ?)", (mode,))

    # segments

    def _segments(self, connection: sqlite3.Connection, fields: Fields) -> Answer:
        agency = text_of(fields, "AgencyCode")
        for row in connection.execute("SELECT * FROM finance_application WHERE status = '1'").fetchall():
            self._issue(connection, row["agency"], row["bill_code"], row["approved"], row["apply_no"])
            connection.execute("UPDATE finance_application SET status = '3' WHERE apply_no = ?", (row["apply_no"],))
        since = datetime.strptime(text_of(fields, "SinceDate"), "%Y%m%d").timestamp() - 86_400
        rows = connection.execute(
            "SELECT * FROM finance_grant WHERE issued_at >= ? ORDER BY issued_at, segment_id", (since,)
        ).fetchall()
        lines = [_segment(row) for row in rows if row["agency"] in (agency, OTHER_AGENCY)]
        if lines and self._faults.strikes("segment_twice"):
            lines.append(lines[-1])
        size = min(int(text_of(fields, "PageSize")), PAGE)
        start = (int(text_of(fields, "PageNo")) - 1) * size
        return _answer(Result.OK) | {"Total": str(len(lines))} | list_fields(lines[start : start + size])

    def push(self, agency: str, bill_code: str, quantity: int) -> str:
        """Grant a segment that nobody asked for (财政主动下发); return its id."""
        with self._store.transaction() as connection:
            return self._issue(connection, agency, bill_code, quantity, "")

    def _issue(self, connection: sqlite3.Connection, agency: str, code: str, quantity: int, apply_no: str) -> str:
        first = self._free(connection, code)
        if self._faults.strikes("segment_overlap"):
            first -= 1
        last = first + quantity - 1
        if self._faults.strikes("segment_year"):
            code = f"{code[:6]}{(int(code[6:]) + 3) % 100:02d}"
        if self._faults.strikes("segment_unit"):
            agency = OTHER_AGENCY
        count = quantity + (1 if self._faults.strikes("segment_count") else 0)
        again = self._faults.strikes("segment_again") is not None
        for _ in range(2 if again else 1):
            segment_id = f"HD{code}{first:010d}{time.time_ns() % 10**6:06d}"
            connection.execute(
                "INSERT INTO finance_grant VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, '', '', 0)",
                (segment_id, agency, code, first, last, count, apply_no, time.time()),
            )
        self._allow(connection, code, first, last)
        return segment_id

    def _free(self, connection: sqlite3.Connection, code: str) -> int:
        """Find the first number after everything that was ever granted under this code."""
        taken = connection.execute(
            "SELECT max(last) AS last FROM (SELECT last FROM finance_grant WHERE bill_code = ?"
            " UNION ALL SELECT last FROM finance_segment WHERE bill_code = ?)",
            (code, code),
        ).fetchone()["last"]
        opening = next((plan.last for plan in PLANS if code == _this_year(plan.prefix)), None)
        return max((value for value in (taken, opening) if value is not None), default=FIRST - 1) + 1

    def _allow(self, connection: sqlite3.Connection, code: str, first: int, last: int) -> None:
        """Hold uploads to what was granted, opening stock included, from the first grant of a code on."""
        rows = [(code, first, last)]
        rows += [(code, plan.first, plan.last) for plan in PLANS if code == _this_year(plan.prefix)]
        connection.executemany("INSERT OR IGNORE INTO finance_segment VALUES (?, ?, ?)", rows)

    def _stock_in(self, connection: sqlite3.Connection, fields: Fields) -> Answer:
        segment_id, count = text_of(fields, "SegmentId"), int(text_of(fields, "ConfirmedCount"))
        row = connection.execute("SELECT * FROM finance_grant WHERE segment_id = ?", (segment_id,)).fetchone()
        if row is None:
            raise FinanceRefusal(Result.SEGMENT_UNKNOWN)
        if row["confirmed"] is not None:
            connection.execute("UPDATE finance_grant SET attempts = attempts + 1 WHERE segment_id = ?", (segment_id,))
            return _answer(Result.DUPLICATE_SAME if row["confirmed"] == count else Result.DUPLICATE_OTHER)
        connection.execute(
            "UPDATE finance_grant SET confirmed = ?, operator = ?, opinion = ?, attempts = attempts + 1"
            " WHERE segment_id = ?",
            (
                count,
                text_of(fields, "Operator", required=False),
                text_of(fields, "Opinion", required=False),
                segment_id,
            ),
        )
        return _answer(Result.OK)

    # Returns, and the comparison.

    def _give_back(self, connection: sqlite3.Connection, fields: Fields) -> Answer:
        return_no, line = text_of(fields, "ReturnNo"), lines_of(fields)[0]
        known = connection.execute("SELECT * FROM finance_return WHERE return_no = ?", (return_no,)).fetchone()
        if known is None:
            status = "2" if self._faults.strikes("return_refused") else "1"
            opinion = "号码尚在年度核查中，暂不收回（演示意见）" if status == "2" else ""
            values = (return_no, line["BillCode"], int(line["StartNo"]), int(line["EndNo"]))
            reason = text_of(fields, "Reason", required=False)
            connection.execute(
                "INSERT INTO finance_return VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                (*values, reason, status, opinion, time.time()),
            )
            return _answer(Result.OK) | {"Status": status, "Opinion": opinion}
        connection.execute("UPDATE finance_return SET attempts = attempts + 1 WHERE return_no = ?", (return_no,))
        return _answer(Result.DUPLICATE_SAME) | {"Status": known["status"], "Opinion": known["opinion"]}

    def _compare(self, connection: sqlite3.Connection, fields: Fields) -> Answer:
        """Compare what finance granted (and saw confirmed) and took back with what the unit says."""
        differences = []
        said = {line["BillCode"]: line for line in lines_of(fields)}
        theirs = self._books(connection, said)
        if self._faults.strikes("stock_differs") and theirs:
            code = min(theirs)
            theirs[code] = (theirs[code][0] + 100, theirs[code][1])
        for code in sorted({*said, *theirs}):
            line = said.get(code, {})
            got = int(line.get("Opening", "0")) + int(line.get("Received", "0"))
            granted, returned = theirs.get(code, (0, 0))
            for item, ours, finance in (("领入", got, granted), ("退回", int(line.get("Returned", "0")), returned)):
                if ours != finance:
                    differences.append({"BillCode": code, "Item": item, "Ours": str(ours), "Theirs": str(finance)})
            rest = got - sum(int(line.get(name, "0")) for name in ("Used", "Void", "Returned", "Closing"))
            if rest:
                differences.append({"BillCode": code, "Item": "收支结存", "Ours": str(rest), "Theirs": "0"})
        return _answer(Result.OK) | list_fields(differences)

    def _books(self, connection: sqlite3.Connection, said: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Sum what was granted and taken back by code. The opening plan holds for this year and any other named."""
        books = {
            code: (plan.last - plan.first + 1, 0)
            for plan in PLANS
            for code in {_this_year(plan.prefix), *said}
            if code[:6] == plan.prefix
        }
        for row in connection.execute(
            "SELECT bill_code, sum(confirmed) AS n FROM finance_grant WHERE confirmed > 0 GROUP BY bill_code"
        ):
            granted, returned = books.get(row["bill_code"], (0, 0))
            books[row["bill_code"]] = (granted + row["n"], returned)
        for row in connection.execute(
            "SELECT bill_code, sum(last - first + 1) AS n FROM finance_return WHERE status = '1' GROUP BY bill_code"
        ):
            granted, returned = books.get(row["bill_code"], (0, 0))
            books[row["bill_code"]] = (granted, returned + row["n"])
        return books

    def forget(self) -> None:
        """Begin anew, as for a demo hospital that begins anew: only the opening stock is known."""
        with self._store.transaction() as connection:
            for table in ("application", "grant", "return", "segment", "setting", "sheet", "void"):
                connection.execute(f"DELETE FROM finance_{table}")

    # what the page and the tests look at

    def listing(self, table: str) -> list[dict[str, Any]]:
        """List applications, grants or returns, newest first."""
        known = {"applications": "received_at", "grants": "issued_at", "returns": "received_at"}
        moment = known[table]
        with self._store.transaction() as connection:
            rows = connection.execute(f"SELECT * FROM finance_{table[:-1]} ORDER BY {moment} DESC LIMIT 500").fetchall()
        return [dict(row) | {moment: datetime.fromtimestamp(row[moment], UTC).isoformat()} for row in rows]


def _this_year(prefix: str) -> str:
    return f"{prefix}{local(now()).year % 100:02d}"


def _answer(result: Result) -> Answer:
    return {"ResultCode": result.value, "ResultMsg": result.title}


def _segment(row: sqlite3.Row) -> dict[str, str]:
    return {
        "SegmentId": row["segment_id"],
        "AgencyCode": row["agency"],
        "BillCode": row["bill_code"],
        "StartNo": f"{row['first']:010d}",
        "EndNo": f"{row['last']:010d}",
        "Count": str(row["count"]),
        "IssueDate": f"{local(datetime.fromtimestamp(row['issued_at'], UTC)):%Y%m%d}",
        "ApplyNo": row["apply_no"],
    }
