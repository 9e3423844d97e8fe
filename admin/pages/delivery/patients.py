"""Pages of 患者申请 and 家庭与代取: requests of patients and their answers, guardians and proxies."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from admin.kit.form_page import form_page
from admin.kit.forms import Form, RadioField, Text, TextArea, choices, required
from admin.kit.groups import delivery
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.reasons import gate
from admin.kit.security import current_actor, current_staff, may, requires
from portal import audit
from portal.access.permissions import Permission
from portal.core.clock import now
from portal.domain.identity import mask_name
from portal.domain.numbers import bill_number
from portal.hospital import protected_persons
from portal.listing import values
from portal.listing.columns import Act, Column
from portal.listing.filters import Filter
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import FAMILY_LINK, PATIENT_REQUEST
from portal.retrieval import family, queries
from portal.retrieval import patient_requests as retrieval_patient_requests
from portal.retrieval.family import RELATIONS, Ground, Person
from portal.retrieval.patient_requests import KINDS
from portal.web.edge import services

STATES = {"open": State("待答复", "wait"), "done": State("已办理", "ok"), "declined": State("不能办理", "red")}

REQUESTS = ListPage(
    name="requests",
    title="患者申请",
    order=(PATIENT_REQUEST.c.created_at, PATIENT_REQUEST.c.id),
    columns=(
        Column("created_at", "提交时间", "time"),
        Column("kind", "事项", value=lambda row: KINDS[row.kind]),
        Column(
            "bill",
            "票据号码",
            "number",
            value=lambda row: bill_number(row.bill_code, row.number) if row.bill_id else "",
            link=lambda row: url_for("billing.bill", bill_id=row.bill_id) if row.bill_id else None,
        ),
        Column("state", "状态", "state", states=STATES),
        Column("answered_at", "答复时间", "time"),
        Column("answered_by", "答复人", value=lambda row: values.actor(row.answered_by)),
    ),
    filters=(
        Filter(
            "state",
            "状态",
            queries.request_state_is,
            "choice",
            choices={code: state.title for code, state in STATES.items()},
            default=lambda: "open",
        ),
        Filter("kind", "事项", queries.request_kind_is, "choice", choices=KINDS),
    ),
    empty="没有符合条件的申请。患者在取票页面提交的更正、查不到票据、不是我的票会出现在这里。",
    acts=lambda row: (
        [Act("办理", url_for("delivery.patient_request", request_id=row.id), row.state == "open")]
        if may(Permission.DELIVERY_SEND)
        else []
    ),
)


@delivery.get("/requests")
@requires(Permission.DELIVERY_VIEW, menu="患者申请", order=30)
def patient_requests() -> Response:
    """List what patients have asked; at first what waits for an answer."""
    return respond(REQUESTS, queries.patient_requests(current_staff().unit_id))


BASES = {"desk": "窗口核对证件", "phone": "登记手机", "consent": "短信授权"}
FOR_WHOM = (("guardian", "监护（孩子）"), ("proxy", "授权代取"))


class AnswerForm(Form):
    """The answer that the patient will read."""

    state = RadioField("结果", choices=choices([("done", "已办理"), ("declined", "不能办理")]), default="done")
    answer = TextArea("答复（患者会看到）", [required], most=500)


WORDS = {
    "wrong": "哪里写错",
    "right": "正确的是",
    "day": "缴费日期",
    "amount": "金额",
    "paid": "付款方式",
    "person": "患者姓名",
    "card": "证件或卡号",
    "phone": "手机号",
    "note": "说明",
    "channel": "消息渠道",
    "address": "发到（不是本人的）",
}


@delivery.route("/requests/<int:request_id>", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.patient_requests")
def patient_request(request_id: int) -> Response:
    """Show one request as it was typed, which is audited, and take the answer."""
    form, back = AnswerForm(), url_for("delivery.patient_requests")
    with services().database.read() as connection:
        title = retrieval_patient_requests.one(services(), connection, current_staff().unit_id, request_id).title

    def act() -> str:
        retrieval_patient_requests.answer(services(), current_actor(), request_id, form.state.data, form.answer.data)
        say("已答复。患者凭申请编号、或在票据页面看到答复；留了手机号的会收到短信。")
        return back

    def beside() -> dict[str, Any]:
        asked, photo = _looked_at(request_id)
        audit.note(services(), current_actor(), "request.read", ("request", request_id))
        return {"found": asked, "content": _content(asked), "photo": photo}

    return form_page(form, act, title=title, back=back, template="delivery/patient_request.html", beside=beside)


def _content(asked: retrieval_patient_requests.Request) -> dict[str, str]:
    content = {WORDS.get(name, name): value for name, value in asked.content.items()}
    if "wrong" in asked.content:
        content[WORDS["wrong"]] = retrieval_patient_requests.WRONG.get(asked.content["wrong"], asked.content["wrong"])
    return content


@delivery.post("/requests/<int:request_id>/photo")
@requires(Permission.DELIVERY_SEND, within="delivery.patient_requests")
def request_photo(request_id: int) -> Response:
    """Show the photo with an open request, to compare the document; the look is audited."""
    _looked_at(request_id)
    return Response(
        retrieval_patient_requests.show_photo(services(), current_actor(), request_id), mimetype="image/jpeg"
    )


def _looked_at(request_id: int) -> tuple[retrieval_patient_requests.Request, bool]:
    """Return the request, and whether it has a photo, to somebody who may look at the person it is about.

    Raises REQUEST_UNKNOWN, ReasonNeeded.
    """
    unit_id = current_staff().unit_id
    with services().database.read() as connection:
        found = retrieval_patient_requests.one(services(), connection, unit_id, request_id)
        marks = protected_persons.of_bills(connection, unit_id, [found.bill_id]) if found.bill_id else []
        numbers = [found.content.get(name, "") for name in ("card", "phone")]
        marks += protected_persons.by_texts(services(), connection, unit_id, numbers, [found.content.get("person", "")])
        photo = retrieval_patient_requests.has_photo(connection, request_id)
    gate(set(marks), f"request {request_id}")
    return found, photo


def _member(side: str) -> Column:
    return Column(
        side, {"holder_name": "代取人", "subject_name": "就诊人"}[side], value=lambda row: mask_name(_people(row, side))
    )


def _people(row: object, name: str) -> str:
    return family.people_of(services(), row)[name]


FAMILY = ListPage(
    name="family",
    title="家庭与代取",
    order=(FAMILY_LINK.c.created_at, FAMILY_LINK.c.id),
    columns=(
        Column("created_at", "办理时间", "time"),
        _member("holder_name"),
        _member("subject_name"),
        Column("kind", "类别", value=lambda row: "监护" if row.kind == "guardian" else "授权代取"),
        Column(
            "basis",
            "依据",
            value=lambda row: BASES[row.basis],
        ),
        Column("valid_until", "有效至", "date"),
        Column(
            "state",
            "状态",
            "state",
            value=lambda row: "revoked" if row.revoked_at else "over" if row.valid_until <= now() else "open",
            states={"open": State("有效", "ok"), "revoked": State("已撤销", "red"), "over": State("已到期")},
        ),
    ),
    filters=(
        Filter(
            "kind",
            "类别",
            queries.family_kind_is,
            "choice",
            choices={"guardian": "监护", "proxy": "授权代取"},
        ),
    ),
    empty="还没有办理过。患者在取票页面添加的家人、窗口核对证件后绑定的，会出现在这里。",
    acts=lambda row: (
        [Act("撤销", url_for("delivery.end_family", link_id=row.id))]
        if may(Permission.DELIVERY_SEND) and row.revoked_at is None
        else []
    ),
)


@delivery.get("/family")
@requires(Permission.DELIVERY_VIEW, menu="家庭与代取", order=40)
def families() -> Response:
    """List the people who may see somebody else's bills; names are masked."""
    return respond(FAMILY, queries.family_links(current_staff().unit_id), "delivery/families.html")


class FamilyForm(Form):
    """Two people, and the documents that the clerk has seen."""

    kind = RadioField("类别", choices=choices(FOR_WHOM), default="guardian")
    holder_name = Text("代取人姓名", [required], most=100)
    holder_number = Text("代取人证件号", [required], most=60)
    holder_phone = Text("代取人手机号（收验证码用）", [required], most=40)
    subject_name = Text("就诊人姓名", [required], most=100)
    subject_number = Text("就诊人证件号或卡号", [required], most=60)
    subject_phone = Text("就诊人手机号（每次查看会通知，可空）", most=40)
    relation = RadioField(
        "就诊人是代取人的", choices=choices([(relation, relation) for relation in RELATIONS]), default=RELATIONS[0]
    )
    document = Text("核对了什么证件", [required], most=60, description="例如：户口本、出生医学证明、本人到场和身份证")


@delivery.route("/family/new", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.families")
def new_family() -> Response:
    """Bind two people after their documents were seen."""
    form, back = FamilyForm(), url_for("delivery.families")

    def act() -> str:
        holder = Person(form.holder_name.data, form.holder_number.data, form.holder_phone.data)
        subject = Person(form.subject_name.data, form.subject_number.data, form.subject_phone.data)
        kind, relation, document = form.kind.data, form.relation.data, form.document.data
        family.bind_at_desk(services(), current_actor(), holder, subject, Ground(kind, relation, document))
        say("已绑定。代取人用自己的证件号和手机验证码登录取票页面，在“家人”里查看。")
        return back

    return form_page(form, act, title="绑定家人", verb="绑定", back=back)


@delivery.route("/family/<int:link_id>/end", methods=["GET", "POST"])
@requires(Permission.DELIVERY_SEND, within="delivery.families")
def end_family(link_id: int) -> Response:
    """Revoke a link, after asking."""
    with services().database.read() as connection:
        family.need_link(connection, current_staff().unit_id, link_id)
    back = url_for("delivery.families")

    def act() -> str:
        family.revoke_at_desk(services(), current_actor(), link_id)
        say("已撤销，代取人立即不能再查看。")
        return back

    lead = "撤销后代取人立即不能再查看就诊人的票据。确定吗？"
    return form_page(Form(), act, title="撤销授权", verb="撤销", back=back, lead=lead, danger=True)
