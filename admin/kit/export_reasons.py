"""Taking out many rows at once: a reason first, the count in the log, a sign at the auditor's home (checks A11)."""

from __future__ import annotations

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
from portal.web.edge import see_other, services

LIMIT = "export.reason-rows"
DONE = "list.bulk_exported"
MINUTES = 10


class ReasonForm(Form):
    """Why so many rows are needed."""

    reason = Text("用途", [required, length(4, 100)], description="写明给谁、做什么用；会记入日志。请勿填写个人信息")
    path = Text("path", most=2000)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or b"", salt="bulk-export")


def _asked(address: str) -> str:
    """A list's address without page and grant: what a reason was given for."""
    parts = urlsplit(address)
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("grant", "after", "before")]
    return f"{parts.path}?{urlencode(sorted(kept))}"


def granted(rows: int) -> str | None:
    """For the export that this request asks for: the request id under which its reason stands in the log, empty for
    few rows, ``None`` where a reason must be given first."""
    with services().database.read() as connection:
        limit = int(parameters.value(connection, current_staff().unit_id, LIMIT))
    if rows <= limit:
        return ""
    try:
        signed = _signer().loads(request.args.get("grant", ""), max_age=MINUTES * 60)
    except BadSignature:
        return None
    fits = signed["who"] == current_staff().id and signed["what"] == _asked(request.full_path)
    return str(signed["said"]) if fits else None


def ask(title: str, rows: int, form: ReasonForm | None = None) -> Response:
    """The page that asks for the reason."""
    form = form or ReasonForm(fresh=True, data={"path": request.full_path})
    return page("kit/export_reason.html", 422 if form.errors else 200, title=title, rows=rows, form=form)


@home.post("/export")
@signed_in(within="home.home")
def explain_export() -> Response:
    """Keep the reason in the log and lead back to the list, which may then be taken out for some minutes."""
    form = ReasonForm()
    if not form.accepted():
        return ask("大批导出", 0, form)
    path, actor = local_path(str(form.path.data)), current_actor()
    details = {"reason": form.reason.data, "list": urlsplit(path).path}
    audit.note(services(), actor, "list.export_explained", ("list", current_staff().id), details)
    what = {"who": current_staff().id, "what": _asked(path), "said": actor.request_id}
    grant = urlencode({"grant": _signer().dumps(what)})
    return see_other(f"{path.rstrip('?&')}{'&' if '?' in path else '?'}{grant}")
