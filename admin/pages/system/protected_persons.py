"""特别保护人员: the list of people whose bills open only with a reason, marking one, asking to end a protection."""

from __future__ import annotations

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Form, SelectField, Text, TextArea, choices, length, required
from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.reasons import LEAST
from admin.kit.security import current_actor, current_staff, requires
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
from portal.web.edge import services

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
        Filter("kind", "类别", protected_persons.of_kind, "choice", choices=KINDS),
        Filter(
            "state",
            "状态",
            protected_persons.in_force,
            "choice",
            choices={code: state.title for code, state in STATES.items()},
            default=lambda: "on",
        ),
    ),
    empty="没有登记。登记后，任何人查找或打开此人的票据都要先说明原因，并提示审计管理员。",
    acts=lambda row: [] if row.ended_at else [Act("取消保护", url_for("system.end_mark", mark_id=row.id))],
)


class MarkForm(Form):
    """A person who is to be protected."""

    name = Text("姓名", [required], most=100)
    numbers = TextArea("号码", [required], most=400, description="身份证、就诊卡、医保卡、手机号，每行一个")
    kind = SelectField("类别", choices=choices(KINDS.items()))
    why = Text("依据", [required], most=100, description="如：院办通知；不写病情")


class EndForm(Form):
    """The reason why a protection ends."""

    reason = Text("取消原因", [required, length(LEAST, 200)], description="由财务主管复核；请勿填写个人信息")


@system.get("/marked")
@requires(Permission.PERSONS_MARK, menu="特别保护人员", order=30)
def marks() -> Response:
    """List the people under protection, masked."""
    return respond(MARKS, protected_persons.of_unit(current_staff().unit_id), "system/marked.html")


@system.route("/marked/new", methods=["GET", "POST"])
@requires(Permission.PERSONS_MARK, within="system.marks")
def new_mark() -> Response:
    """Protect somebody from now on."""
    form = MarkForm()

    def act() -> str:
        order = protected_persons.Order(form.name.data, form.numbers.data.splitlines(), form.kind.data, form.why.data)
        protected_persons.mark(services(), current_actor(), order)
        say("已登记，立即生效。")
        return url_for("system.marks")

    return form_page(form, act, title="登记特别保护人员", back=url_for("system.marks"), verb="登记")


@system.route("/marked/<int:mark_id>/end", methods=["GET", "POST"])
@requires(Permission.PERSONS_MARK, within="system.marks")
def end_mark(mark_id: int) -> Response:
    """Ask a second person to end a protection."""
    with services().database.read() as connection:
        if not protected_persons.is_known(connection, current_staff().unit_id, mark_id):
            raise Refusal("PAGE_NOT_FOUND")
        asked = requests.of_object(connection, protected_persons.ENDING, mark_id)
    title, back, form = "取消特别保护", url_for("system.marks"), EndForm()
    if asked is not None and asked.state == "pending":
        problem = "已提交过，等待财务主管复核。"
        return page("kit/form.html", 422, title=title, form=form, back=back, verb="提交复核", problem=problem)

    def act() -> str:
        protected_persons.ask_to_end(services(), current_actor(), mark_id, form.reason.data)
        say("已提交复核；财务主管同意前仍受保护。", "warning")
        return url_for("system.marks")

    return form_page(form, act, title=title, back=back, verb="提交复核")
