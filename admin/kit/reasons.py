"""A reason before a look: asked on one page, kept in the log, shown to the auditor, good for some minutes.

Two things wait for one: a list of many rows that is taken out, and people under special protection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from admin.kit.forms import Form, Text, length, required
from admin.kit.groups import home
from admin.kit.guard import local_path
from admin.kit.page import page
from admin.kit.security import current_actor, current_staff, signed_in
from portal import audit
from portal.access import parameters
from portal.domain.errors import Refusal
from portal.hospital import protected_persons
from portal.web.edge import limits, see_other, services

LEAST = 4
"""Characters of a reason."""
EXPORT_ROWS = "export.reason-rows"
"""The parameter beyond which a list leaves only with a reason."""
HOUR = 3600
EXPORTED = "list.bulk_exported"
EXPORT_SECONDS = 600
QUESTION_SECONDS = 3600
"""For so long the page that asks may stay open."""


@dataclass(frozen=True, slots=True)
class Question:
    """A page that asks for a reason. ``endpoint`` takes the answer; ``hidden`` goes with it; ``label`` and ``hint``
    belong to the field, ``verb`` to the button."""

    heading: str
    lead: str
    endpoint: str
    title: str = "请先说明原因"
    label: str = "原因"
    hint: str = "如：本人在窗口办理换开。请勿填写个人信息"
    verb: str = "说明并继续"
    hidden: Mapping[str, str] = field(default_factory=dict)


class ReasonForm(Form):
    """A reason, and where it leads: the page that was asked for, and what exactly was asked, signed."""

    reason = Text("原因", [required, length(LEAST, 100)])
    path = Text("path", most=2000)
    what = Text("what", most=2000)


def reason_page(question: Question, form: ReasonForm, status: int = 422, problem: str = "") -> Response:
    """Return the page of a question; a wrong answer stands in its form."""
    form.reason.label.text = question.label
    return page("kit/reason.html", status, question=question, form=form, problem=problem)


def _signer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or b"", salt=purpose)


# --- looking at many people -----------------------------------------------------------------------------------------


def looks_beyond() -> int:
    """Count one look at a person, by search or in full; return how many an hour are usual when this is more.

    0 as long as it is not, and for the rest of the hour in which a reason was given.
    """
    staff = current_staff()
    with services().database.read() as connection:
        most = int(parameters.value(connection, staff.unit_id, "search.most-hourly"))
    within = limits().hit(f"search.person:{staff.id}", most, HOUR) or limits().count(f"search.why:{staff.id}", HOUR)
    return 0 if within else most


def explain_looks(reason: str, most: int) -> None:
    """Keep the reason of somebody who looks at more people than is usual; the auditor is told."""
    staff = current_staff()
    limits().hit(f"search.why:{staff.id}", 1, HOUR)
    audit.note(
        services(), current_actor(), "party.searched_often", ("staff", staff.id), {"reason": reason, "count": most}
    )


def enough_for_a_look(reason: str) -> str:
    """Count a look at one person in full; return what is wrong with the reason that was given, empty when nothing."""
    most = looks_beyond()
    least = LEAST if most else 2
    if len(reason) < least:
        often = f"您一小时内查看、查找已达 {most:,} 次，" if most else ""
        return f"{often}请写明查看原因（至少 {least} 个字）。"
    if most:
        explain_looks(reason, most)
    return ""


# --- taking out many rows at once --------------------------------------------------------------------------------


def _without_grant(address: str) -> str:
    """Return a list's address without page and grant: this is what a reason was given for."""
    parts = urlsplit(address)
    arguments = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("grant", "after", "before")]
    return f"{parts.path}?{urlencode(sorted(arguments))}"


def export_reason(rows: int) -> str | None:
    """Return the request id under which the reason of the present export stands in the log.

    It is empty for few rows, and None where a reason must be given first.
    """
    with services().database.read() as connection:
        limit = int(parameters.value(connection, current_staff().unit_id, EXPORT_ROWS))
    if rows <= limit:
        return ""
    try:
        signed = _signer("bulk-export").loads(request.args.get("grant", ""), max_age=EXPORT_SECONDS)
    except BadSignature:
        return None
    fits = signed["who"] == current_staff().id and signed["what"] == _without_grant(request.full_path)
    return str(signed["said"]) if fits else None


def ask_export(title: str, rows: int, of: int = 0, form: ReasonForm | None = None) -> Response:
    """Ask why so many rows are needed, and tell beforehand when they are not all; ``form`` is an answer that is not
    enough."""
    count = f"这次要取出 {rows:,} 行，" if rows else ""
    if of > rows:
        count = f"符合条件的有 {of:,} 行，一次最多取出 {rows:,} 行，后面的 {of - rows:,} 行不在其中；"
    question = Question(
        f"{title}：请先说明用途",
        f"{count}属于大批导出。用途、人员、行数会记入日志，并提示审计管理员。",
        "home.explain_export",
        title=title,
        label="用途",
        hint="写明给谁、做什么用；会记入日志。请勿填写个人信息",
        verb="说明并取出",
    )
    fresh = ReasonForm(fresh=True, data={"path": request.full_path})
    return reason_page(question, form or fresh, 422 if form is not None else 200)


@home.post("/export")
@signed_in(within="home.home")
def explain_export() -> Response:
    """Keep the reason in the log and lead back to the list, which may then be taken out for some minutes."""
    form = ReasonForm()
    if not form.accepted():
        return ask_export("大批导出", 0, form=form)
    path, actor = local_path(str(form.path.data)), current_actor()
    details = {"reason": form.reason.data, "list": urlsplit(path).path}
    audit.note(services(), actor, "list.export_explained", ("list", current_staff().id), details)
    signed = {"who": current_staff().id, "what": _without_grant(path), "said": actor.request_id}
    grant = urlencode({"grant": _signer("bulk-export").dumps(signed)})
    return see_other(f"{path.rstrip('?&')}{'&' if '?' in path else '?'}{grant}")


# --- people under special protection -----------------------------------------------------------------------------


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


def ask_look(needed: ReasonNeeded) -> Response:
    """Ask why somebody looks; the answer leads to the page that was asked for, or from which a form was sent."""
    path = request.full_path.rstrip("?")
    if request.method != "GET":
        back = urlsplit(request.referrer or "")
        path = back.path + (f"?{back.query}" if back.query else "")
    signed: dict[str, Any] = {"marks": needed.marks, "about": needed.about, "who": current_staff().id}
    what = _signer("marked-person").dumps(signed)
    return _look_page(ReasonForm(fresh=True, data={"path": local_path(path), "what": what}))


def _look_page(form: ReasonForm) -> Response:
    minutes = int(protected_persons.GOOD_FOR.total_seconds()) // 60
    lead = (
        "本院职工、公众人物等人员的票据，查看前须说明原因。原因、人员、时间会记入日志，并提示审计管理员；"
        f"说明后 {minutes} 分钟内不再询问。"
    )
    return reason_page(Question("此人受特别保护：请先说明原因", lead, "home.explain_look"), form)


@home.post("/marked")
@signed_in(within="home.home")
def explain_look() -> Response:
    """Keep the reason in the log, where the auditor is told of it, and lead on."""
    form = ReasonForm()
    if not form.accepted():
        return _look_page(form)
    try:
        signed = _signer("marked-person").loads(form.what.data, max_age=QUESTION_SECONDS)
    except BadSignature:
        raise Refusal("FORM_EXPIRED") from None
    if signed["who"] != current_staff().id:
        raise Refusal("FORM_EXPIRED")
    protected_persons.explain(services(), current_actor(), signed["marks"], form.reason.data, signed["about"])
    return see_other(local_path(str(form.path.data)))
