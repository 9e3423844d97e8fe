"""特别保护: the list of whom, and the reason that stands before every page about one of them (checks A11)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from admin.kit.forms import Form, SelectField, Text, TextArea, choices, length, required
from admin.kit.groups import home, system
from admin.kit.guard import local_path
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires, signed_in
from portal.access.permissions import Permission
from portal.approvals import requests
from portal.domain.errors import Refusal
from portal.domain.identity import mask_card, mask_name
from portal.hospital import protected_persons
from portal.hospital.protected_persons import KINDS
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.listing.values import actor as plain
from portal.models.tables import MARKED_PERSON
from portal.web.edge import see_other, services

LEAST = 4
HOUR = 3600


class ReasonNeeded(Exception):
    """A page about somebody under special protection was asked for, and no reason has been given yet."""

    def __init__(self, marks: Collection[int], about: str) -> None:
        super().__init__(about)
        self.marks, self.about = list(marks), about


def gate(marks: Collection[int], about: str) -> None:
    """Let a look at these people pass and write it down; ``about`` names the object looked at.

    Raises ReasonNeeded, which the console answers with the page that asks why.
    """
    if not marks:
        return
    with services().database.read() as connection:
        missing = protected_persons.unexplained(connection, current_actor(), marks)
    if missing:
        raise ReasonNeeded(missing, about)
    protected_persons.note(services(), current_actor(), marks, about)


def gate_bills(*bill_ids: int) -> None:
    """:func:`gate` for the people on these bills."""
    with services().database.read() as connection:
        marks = protected_persons.of_bills(connection, current_staff().unit_id, bill_ids) if bill_ids else []
    gate(marks, " ".join(["bill", *map(str, bill_ids[:3])]))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or b"", salt="marked-person")


class ReasonForm(Form):
    """Why somebody looks."""

    reason = Text("原因", [required, length(LEAST, 100)], description="如：本人在窗口办理换开。请勿填写个人信息")
    path = Text("path", most=2000)
    what = Text("what", most=2000)


def ask(needed: ReasonNeeded) -> Response:
    """The page that asks why; afterwards the page that was asked for, or the one from which a form was sent."""
    path = request.full_path.rstrip("?")
    if request.method != "GET":
        back = urlsplit(request.referrer or "")
        path = back.path + (f"?{back.query}" if back.query else "")
    what = _signer().dumps({"marks": needed.marks, "about": needed.about, "who": current_staff().id})
    return _reason_page(ReasonForm(fresh=True, data={"path": local_path(path), "what": what}))


def _reason_page(form: ReasonForm) -> Response:
    return page(
        "system/marked_reason.html", 422, form=form, minutes=int(protected_persons.GOOD_FOR.total_seconds()) // 60
    )


@home.post("/marked")
@signed_in(within="home.home")
def explain_look() -> Response:
    """Keep the reason in the log, where the auditor is told of it, and lead on."""
    form = ReasonForm()
    if not form.accepted():
        return _reason_page(form)
    try:
        what = _signer().loads(form.what.data, max_age=HOUR)
    except BadSignature:
        raise Refusal("FORM_EXPIRED") from None
    if what["who"] != current_staff().id:
        raise Refusal("FORM_EXPIRED")
    protected_persons.explain(services(), current_actor(), what["marks"], form.reason.data, what["about"])
    return see_other(local_path(str(form.path.data)))


# --- the list ----------------------------------------------------------------------------------------------------

STATES = {"on": State("保护中", "ok"), "over": State("已取消", "plain")}

MARKS = ListPage(
    name="marked",
    title="特别保护人员",
    order=(MARKED_PERSON.c.marked_at, MARKED_PERSON.c.id),
    columns=(
        Column("marked_at", "登记时间", "time"),
        Column("name", "姓名", value=lambda row: mask_name(protected_persons.opened(services(), row)["name"])),
        Column(
            "numbers",
            "号码",
            "long",
            value=lambda row: "、".join(mask_card(one) for one in protected_persons.opened(services(), row)["numbers"]),
        ),
        Column("kind", "类别", value=lambda row: KINDS[row.kind]),
        Column("why", "依据", "long", value=lambda row: protected_persons.opened(services(), row)["why"]),
        Column("state", "状态", "state", value=lambda row: "over" if row.ended_at else "on", states=STATES),
        Column("marked_by", "登记人", value=lambda row: plain(row.marked_by)),
        Column("ended_at", "取消时间", "time"),
    ),
    filters=(
        Filter("kind", "类别", lambda kind: MARKED_PERSON.c.kind == kind, "choice", choices=KINDS),
        Filter(
            "state",
            "状态",
            lambda state: (
                MARKED_PERSON.c.ended_at.is_(None) if state == "on" else MARKED_PERSON.c.ended_at.is_not(None)
            ),
            "choice",
            choices={code: state.title for code, state in STATES.items()},
            default=lambda: "on",
        ),
    ),
    empty="没有登记。登记后，任何人查找或打开此人的票据都要先说明原因，并提示审计管理员。",
    acts=lambda row: [] if row.ended_at else [Act("取消保护", url_for("system.end_mark", mark_id=row.id))],
)


class MarkForm(Form):
    """Whom to protect."""

    name = Text("姓名", [required], most=100)
    numbers = TextArea("号码", [required], most=400, description="身份证、就诊卡、医保卡、手机号，每行一个")
    kind = SelectField("类别", choices=choices(KINDS.items()))
    why = Text("依据", [required], most=100, description="如：院办通知；不写病情")


class EndForm(Form):
    """Why the protection ends."""

    reason = Text("取消原因", [required, length(LEAST, 200)], description="由财务主管复核；请勿填写个人信息")


@system.get("/marked")
@requires(Permission.PERSONS_MARK, menu="特别保护人员", order=30)
def marks() -> Response:
    """Who is protected, masked."""
    rows = select(MARKED_PERSON).where(MARKED_PERSON.c.unit_id == current_staff().unit_id)
    return respond(MARKS, rows, "system/marked.html")


@system.route("/marked/new", methods=["GET", "POST"])
@requires(Permission.PERSONS_MARK, within="system.marks")
def new_mark() -> Response:
    """Protect somebody from now on."""
    form, problem = MarkForm(), ""
    if form.accepted():
        order = protected_persons.Order(form.name.data, form.numbers.data.splitlines(), form.kind.data, form.why.data)
        try:
            protected_persons.mark(services(), current_actor(), order)
        except Refusal as refusal:
            problem = str(refusal)
        else:
            say("已登记，立即生效。")
            return see_other(url_for("system.marks"))
    return _form("登记特别保护人员", form, "登记", problem)


@system.route("/marked/<int:mark_id>/end", methods=["GET", "POST"])
@requires(Permission.PERSONS_MARK, within="system.marks")
def end_mark(mark_id: int) -> Response:
    """Ask a second person to end a protection."""
    with services().database.read() as connection:
        own = (MARKED_PERSON.c.id == mark_id) & (MARKED_PERSON.c.unit_id == current_staff().unit_id)
        if connection.scalar(select(MARKED_PERSON.c.id).where(own)) is None:
            raise Refusal("PAGE_NOT_FOUND")
        asked = requests.of_object(connection, protected_persons.ENDING, mark_id)
    form, problem = EndForm(), ""
    if asked is not None and asked.state == "pending":
        problem = "已提交过，等待财务主管复核。"
    elif form.accepted():
        try:
            protected_persons.ask_to_end(services(), current_actor(), mark_id, form.reason.data)
        except Refusal as refusal:
            problem = str(refusal)
        else:
            say("已提交复核；财务主管同意前仍受保护。", "warning")
            return see_other(url_for("system.marks"))
    return _form("取消特别保护", form, "提交复核", problem)


def _form(title: str, form: Form, verb: str, problem: str) -> Response:
    status = 422 if problem or form.errors else 200
    values: dict[str, Any] = {"title": title, "form": form, "verb": verb, "problem": problem}
    return page("kit/form.html", status, back=url_for("system.marks"), **values)
