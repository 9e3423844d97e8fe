"""Runs of numbers on screen: the list, the form and the facts that returns, voids and destructions share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import url_for

from admin.kit.forms import Form, SelectField, Text, required
from admin.pages.stock.parts.choices import code_for
from admin.pages.stock.parts.number_field import NumberField
from portal.approvals import requests
from portal.domain.numbers import NumberRun, bill_number
from portal.domain.states.approval import ApprovalState
from portal.listing.columns import Column
from portal.listing.filters import moment_filters, state_filter
from portal.listing.lists import ListPage
from portal.listing.values import State, moment
from portal.stock.documents.facts import DestructionFacts, RunDocument, VoidFacts
from portal.web.edge import services


def bounds_column(key: str, title: str) -> Column:
    """Return a column of one bill number under its code."""
    return Column(key, title, "number", value=lambda row: _number(row.bill_code, getattr(row, key)))


def _number(code: str, number: int | None) -> str:
    return "" if number is None or number < 0 else bill_number(code, number) if len(code) == 8 else f"{code} {number}"


def run_columns(endpoint: str, states: Mapping[str, State], *more: Column) -> tuple[Column, ...]:
    """Return the columns of a list of documents about runs; ``endpoint`` shows one of them."""
    return (
        Column("no", "单号", "number", link=lambda row: url_for(endpoint, no=row.no)),
        Column("made_at", "时间", "time"),
        *more,
        bounds_column("first", "起始号"),
        bounds_column("last", "终止号"),
        Column("count", "份数", "count", total=True),
        Column("state", "状态", "state", states=states),
        Column("reason", "原因", "long"),
        Column("made_name", "经办人"),
    )


def run_list(
    kind: type[RunDocument], name: str, title: str, columns: tuple[Column, ...], states: Mapping[str, State], empty: str
) -> ListPage:
    """Return the list of one kind of document about runs, newest first."""
    table = kind.TABLE
    return ListPage(
        name=name,
        title=title,
        order=(table.c.made_at, table.c.id),
        columns=columns,
        filters=(*moment_filters(table.c.made_at), state_filter(table.c.state, states)),
        empty=empty,
    )


class RunForm(Form):
    """A run of numbers of one kind, and why."""

    kind = SelectField("票据种类", [required])
    code = Text("票据代码", [], most=8, description="8 位；不填则为本年度代码")
    first = NumberField("起始号", [required])
    last = NumberField("终止号", [required])
    reason = Text("原因", [required], most=200)

    @property
    def run(self) -> NumberRun:
        """The numbers as typed; without a code those of this year's."""
        return NumberRun(self.code.data or code_for(str(self.kind.data)), self.first.data or 0, self.last.data or 0)


def run_facts(shown: RunDocument) -> list[tuple[str, Any]]:
    """Return what the page of every document about a run begins with."""
    return [
        ("号码", shown.run),
        ("原因", shown.reason),
        ("经办", f"{shown.made_name}　{moment(shown.made_at)}"),
    ]


DECISIONS = {
    ApprovalState.PENDING: "等待复核",
    ApprovalState.APPROVED: "同意",
    ApprovalState.REFUSED: "不同意",
    ApprovalState.FAILED: "办理失败",
    ApprovalState.WITHDRAWN: "已撤回",
}


def decision_facts(kind: str, shown: VoidFacts | DestructionFacts) -> list[tuple[str, Any]]:
    """Return what the second person said about a document."""
    with services().database.read() as connection:
        approval = requests.of_object(connection, kind, shown.no)
    if approval is None:
        return [("复核", f"{shown.decided_name}　{moment(shown.decided_at)}" if shown.decided_at else "")]
    words = DECISIONS[approval.state]
    return [
        ("复核", f"{words}　{approval.decider or ''}　{moment(approval.decided_at)}"),
        ("复核意见", approval.opinion or approval.outcome),
    ]
