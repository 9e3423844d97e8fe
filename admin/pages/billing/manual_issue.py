"""手工开票: choose a kind, fill in, preview, issue, print; drafts stay on the server until the bill is there."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from flask import Response, request, url_for

from admin.kit.groups import billing
from admin.kit.page import page, say
from admin.kit.reasons import ReasonNeeded, gate
from admin.kit.second_look import due, look_twice
from admin.kit.security import cookie_name, current_actor, current_session, current_staff, requires
from portal.access import parameters
from portal.access.permissions import Permission
from portal.access.sign_in import sessions
from portal.domain.documents import manual_input as fields
from portal.domain.documents.manual_input import KINDS, MOST_LINES, MOST_PAYMENTS, Entry, entry
from portal.domain.documents.settlement import CHANNELS, Scene
from portal.domain.errors import Refusal
from portal.domain.money import micro_text, words
from portal.issuing.bills.issue import Issued
from portal.issuing.manual import catalogue, known_payers
from portal.issuing.manual.catalogue import area_of
from portal.issuing.manual.drafts import SECOND_LOOK, Draft, ManualIssueService
from portal.issuing.manual.entry import Checked
from portal.issuing.paper import notice_slips
from portal.ledger import bills
from portal.ledger.bills import BillFacts
from portal.rendering import qr
from portal.web.edge import runtime, see_other, services
from portal.web.numbers import row_id

FIRST_LINES = 5
FIRST_PAYMENTS = 2


def manual() -> ManualIssueService:
    """Manual issuing of this process."""
    return runtime().manual


@billing.get("/desk")
@requires(Permission.BILLS_ISSUE, menu="手工开票", order=20)
def desk() -> Response:
    """Show the kinds to begin with, and the drafts to go on with."""
    return page("billing/desk.html", title="手工开票", kinds=KINDS, drafts=manual().drafts(current_actor()))


@billing.post("/desk")
@requires(Permission.BILLS_ISSUE, within="billing.desk")
def desk_start() -> Response:
    """Begin a bill of a kind."""
    made = manual().start(current_actor(), _kind(request.form.get("kind", "")))
    return see_other(url_for("billing.desk_form", draft_id=made.id))


@billing.route("/desk/<int:draft_id>", methods=["GET", "POST"])
@requires(Permission.BILLS_ISSUE, within="billing.desk")
def desk_form(draft_id: int) -> Response:
    """Show the form. Every button of it first keeps what was typed."""
    found = manual().get(current_actor(), draft_id)
    if found.bill_id is not None:
        return see_other(url_for("billing.desk_result", draft_id=draft_id))
    if request.method == "GET":
        return _form(found, checked="checked" in request.args)
    typed = posted(found.entry.kind)
    if typed.fields["point_code"] not in _points(found.entry.kind):
        typed.fields["point_code"] = ""
    if picked := request.form.get("pick", ""):
        _gate_payer(found, typed, _number(picked))
        known = known_payers.pick(services(), current_actor(), _number(picked))
        typed.fields.update({name: text for name, text in known.items() if name in typed.fields})
    try:
        saved = manual().save(current_actor(), draft_id, _number(request.form.get("version", "")), typed)
    except Refusal as refusal:
        if refusal.code != "DRAFT_CHANGED":
            raise
        # Both are kept: the other window's in the draft, this one's on the page until its owner decides.
        shown = Draft(found.id, found.version, typed, found.updated_at)
        return _form(
            shown, checked=True, problem="这份草稿在另一个窗口保存过。下面是您刚填的内容，再次保存将以此为准。"
        )
    if "preview" in request.form and manual().check(current_actor(), saved).settlement is not None:
        return see_other(url_for("billing.desk_preview", draft_id=draft_id))
    more = "more" in request.form
    checked = None if picked or more else 1
    lines = len(typed.lines) + FIRST_LINES if more else None
    return see_other(url_for("billing.desk_form", draft_id=draft_id, checked=checked, lines=lines))


def _gate_payer(found: Draft, typed: Entry, payer_id: int) -> None:
    """Before somebody under special protection is taken into the form: what was typed is kept, then asked why."""
    with services().database.read() as connection:
        marks = known_payers.marks(services(), connection, current_staff().unit_id, [payer_id])
    try:
        gate(marks, f"payer {payer_id}")
    except ReasonNeeded:
        manual().save(current_actor(), found.id, _number(request.form.get("version", "")), typed)
        raise


@billing.get("/desk/<int:draft_id>/preview")
@requires(Permission.BILLS_ISSUE, within="billing.desk")
def desk_preview(draft_id: int) -> Response:
    """Show the face as it will be, marked 预览, and the button that issues exactly this."""
    return _preview(draft_id)


def _preview(draft_id: int, problem: str = "") -> Response:
    found = manual().get(current_actor(), draft_id)
    if found.bill_id is not None:
        return see_other(url_for("billing.desk_result", draft_id=draft_id))
    document = manual().preview(current_actor(), found)
    if document is None:
        return see_other(url_for("billing.desk_form", draft_id=draft_id, checked=1))
    face = runtime().faces
    data = face.pdf(document, state="preview", qr_text="预览", xml=b"", supervised=False)
    picture = base64.b64encode(face.png(data, 1000)).decode()
    return page(
        "billing/desk_preview.html",
        422 if problem else 200,
        problem=problem,
        look=due(document.total_fen, SECOND_LOOK),
        title=f"预览 {document.name}",
        draft=found,
        document=document,
        picture=picture,
        checked=manual().check(current_actor(), found),
        replaced=_replaced(found),
        words=words(document.total_fen),
    )


@billing.post("/desk/<int:draft_id>/issue")
@requires(Permission.BILLS_ISSUE, within="billing.desk")
def desk_issue(draft_id: int) -> Response:
    """Issue it; asked again it leads to the same bill."""
    found = manual().get(current_actor(), draft_id)
    checked = manual().check(current_actor(), found)
    if found.bill_id is None and checked.settlement is not None:
        try:
            look_twice(checked.total_fen, SECOND_LOOK)
        except Refusal as refusal:
            return _preview(draft_id, str(refusal))
    made = manual().issue(current_actor(), draft_id, _number(request.form.get("version", "")))
    if isinstance(made, Checked):
        return see_other(url_for("billing.desk_form", draft_id=draft_id, checked=1))
    say("已开具。")
    return see_other(url_for("billing.desk_result", draft_id=draft_id))


@billing.get("/desk/<int:draft_id>/result")
@requires(Permission.BILLS_ISSUE, within="billing.desk")
def desk_result(draft_id: int) -> Response:
    """Show the bill that was issued: its elements, the code to scan, and what can be printed."""
    found = manual().get(current_actor(), draft_id)
    if found.bill_id is None:
        return see_other(url_for("billing.desk_form", draft_id=draft_id))
    made = manual().issued(current_actor(), found)
    with services().database.read() as connection:
        bill = bills.by_id(connection, made.bill_id)
        notice = parameters.value(connection, current_actor().unit_id, "notice.print")
        prints = notice_slips.counts(connection, notice_slips.BILLS, [made.bill_id]).get(made.bill_id, 0)
    drawing = qr.drawing(_link(made), {"class": "qr", "role": "img", "aria-label": "取票二维码"}, quiet=2)
    # 1: printed by itself, once; 2: offered; 0: neither, the bill's own page still prints it
    slip = {"0": "never", "1": "ask" if prints else "always"}.get(notice, "ask")
    return page("billing/desk_result.html", title="开票结果", bill=bill, kind=found.entry.kind, qr=drawing, slip=slip)


@billing.post("/desk/<int:draft_id>/discard")
@requires(Permission.BILLS_ISSUE, within="billing.desk")
def desk_discard(draft_id: int) -> Response:
    """Throw a draft away."""
    manual().discard(current_actor(), draft_id)
    say("草稿已删除。")
    return see_other(url_for("billing.desk"))


@billing.before_app_request
def keep_late_form() -> None:
    """Keep a form that arrives after its session has ended for its owner, who finds it in the draft."""
    if request.endpoint != "billing.desk_form" or request.method != "POST":
        return
    with services().database.read() as connection:
        if sessions.read(services(), connection, request.cookies.get(cookie_name(), "")) is not None:
            return
    try:
        kind = _kind(request.form.get("kind", ""))
    except Refusal:
        return
    manual().keep(int((request.view_args or {})["draft_id"]), request.form.get("keep", ""), posted(kind))


def posted(kind: Scene) -> Entry:
    """Return the entry that the posted form holds."""
    form = request.form
    lines = [_row(form, "lines", place, fields.LINE) for place in range(MOST_LINES)]
    payments = [_row(form, "payments", place, fields.PAYMENT) for place in range(MOST_PAYMENTS)]
    return entry(kind, form, lines, payments)


def _row(form: Mapping[str, str], part: str, place: int, table: tuple[fields.Field, ...]) -> dict[str, str]:
    return {item.name: form.get(f"{part}.{place}.{item.name}", "") for item in table}


def _form(found: Draft, checked: bool, problem: str = "") -> Response:
    actor, kind = current_actor(), found.entry.kind
    shown = found if found.pending is None else Draft(found.id, found.version, found.pending, found.updated_at)
    if found.pending is not None:
        problem = "上次登录过期后提交的内容已为您保留，就是下面这些，还没有保存。请核对后继续。"
    result = manual().check(actor, shown)
    with services().database.read() as connection:
        known = catalogue.load(connection, actor.unit_id)
        remembered = known_payers.shown(services(), connection, actor.unit_id)[:20]
        reviewers = catalogue.reviewers(connection, actor.unit_id)
        insurance = catalogue.insurance_types(connection)
    points = _points(kind)
    count = max(FIRST_LINES, len(shown.entry.lines) + 1, request.args.get("lines", 0, type=row_id))
    values = shown.entry.fields
    if not values["point_code"] and (point := current_session().point) and point.code in points:
        values["point_code"] = point.code
    problems: dict[str, list[str]] = {}
    for item in result.problems if checked or problem else ():
        problems.setdefault(item.where, []).append(f"{item.reason}。{item.remedy}")
    return page(
        "billing/desk_form.html",
        409 if problem and found.pending is None else 200,
        title=f"开具{KINDS[kind]}",
        draft=shown,
        fields=fields,
        own=fields.own_fields(kind),
        values=values,
        lines=shown.entry.lines,
        line_count=min(count, MOST_LINES),
        payments=shown.entry.payments,
        payment_count=min(max(FIRST_PAYMENTS, len(shown.entry.payments) + 1), MOST_PAYMENTS),
        result=result,
        words=words(result.total_fen),
        problems=problems,
        problem=problem,
        known=known.items,
        prices={
            code: micro_text(item.price_micro, 2) for code, item in known.items.items() if item.price_micro is not None
        },
        items=[item for item in known.items.values() if item.area == area_of(kind) and item.active],
        points=points,
        channels=CHANNELS,
        insurance=insurance,
        reviewers=reviewers,
        payers=remembered,
        keep=manual().keep_token(actor, found.id),
        replaced=_replaced(found),
        wide={"remark", "basis", "counterparty", "project"},
    )


def _replaced(found: Draft) -> BillFacts | None:
    """Return the reversed bill that the draft's is issued instead of."""
    with services().database.read() as connection:
        return bills.by_id(connection, found.entry.replaces) if found.entry.replaces else None


def _points(kind: Scene) -> dict[str, str]:
    """Where the person may issue this kind: code → words with what is left. Bound to no point: all of the unit's."""
    mine = {point.code for point in current_staff().points}
    left = manual().places(current_actor(), kind)
    return {code: f"{code} {name}（余 {count:,} 号）" for code, name, count in left if not mine or code in mine}


def _kind(text: str) -> Scene:
    if text not in {kind.value for kind in KINDS}:
        raise Refusal("PAGE_NOT_FOUND")
    return Scene(text)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _link(made: Issued) -> str:
    return services().settings.bill_address(made.token)
