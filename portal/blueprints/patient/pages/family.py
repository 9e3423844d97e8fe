"""Family and proxies: whose bills one may see, who may see one's own, and how that ends."""

from __future__ import annotations

from flask import Response, request, url_for

from portal.access.limits import Limits
from portal.blueprints.patient.context import page, patient, session_here, unit_of
from portal.blueprints.patient.form_results import show_problem
from portal.blueprints.patient.pages.proof import codes
from portal.core.services import Services
from portal.domain.errors import Refusal
from portal.domain.identity import normalise, normalise_name
from portal.retrieval import family
from portal.retrieval.proof import identify
from portal.retrieval.proof.sessions import Session
from portal.web.edge import limits, see_other, services


@patient.get("/h/<string:unit_code>/family")
def relatives(unit_code: str) -> Response:
    """Whose bills I may see, and who may see mine."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
        mine = family.mine(services(), connection, session)
        watchers = family.watchers(services(), connection, session)
    return page("family.html", mine=mine, watchers=watchers, relations=family.RELATIONS)


def _typed() -> tuple[str, str]:
    return request.form.get("number", "")[:60], request.form.get("name", "")[:100]


@patient.post("/h/<string:unit_code>/family/child")
def add_child(unit_code: str) -> Response:
    """Add a guardian's child whose bills carry the same phone."""
    unit_of(unit_code)
    number, name = _typed()
    with services().database.read() as connection:
        session = session_here(connection, 2)
    try:
        family.add_child(services(), limits(), session, number, name)
    except Refusal as refusal:
        if refusal.code != "NOT_MATCHED":
            raise
        problem = (
            "没有办成。孩子的身份证号、姓名要与医院登记的一致，登记的手机要是您收验证码的这一部，并且没有超过年龄。"
            "也可以带户口本或出生证明到窗口办理。"
        )
        return show_problem(url_for("patient.relatives", unit_code=unit_code), number=problem)
    return see_other(url_for("patient.relatives", unit_code=unit_code))


@patient.post("/h/<string:unit_code>/family/proxy")
def ask_consent(unit_code: str) -> Response:
    """Have a consent code sent to the other person's phone, whether there is one or not."""
    unit_of(unit_code)
    number, name = _typed()
    with services().database.read() as connection:
        session = session_here(connection, 2)
    if len(normalise(number)) < 5 or not normalise_name(name):
        missing = {"number": len(normalise(number)) < 5, "name": not normalise_name(name)}
        wrong = {field: "请填写家人的号码和姓名，两项都需要。" for field, missed in missing.items() if missed}
        return show_problem(url_for("patient.relatives", unit_code=unit_code), **wrong)
    family.ask_consent(services(), limits(), session, number, name, request.form.get("relation", ""))
    return see_other(url_for("patient.consent", unit_code=unit_code))


CONSENT = codes.CodePage("patient.consent", "consent.html", identify.CONSENT, level=2)


@patient.get("/h/<string:unit_code>/family/consent")
def consent(unit_code: str) -> Response:
    """Ask for the code that the other person got."""
    return CONSENT.show(unit_code)


@patient.post("/h/<string:unit_code>/family/consent/resend")
def resend_consent(unit_code: str) -> Response:
    """Send another code to the person who is asked."""
    return CONSENT.resend(unit_code)


@patient.post("/h/<string:unit_code>/family/consent")
def give_consent(unit_code: str) -> Response:
    """Check it; right: the family page with one more on it."""
    return CONSENT.take(unit_code, _consented, "patient.relatives")


def _consented(services: Services, limits: Limits, session: Session, typed: str) -> None:
    family.give_consent(services, limits, session, typed)


@patient.post("/h/<string:unit_code>/family/<int:link_id>/revoke")
def revoke_relative(unit_code: str, link_id: int) -> Response:
    """Either side ends a link."""
    unit_of(unit_code)
    with services().database.read() as connection:
        session = session_here(connection, 2)
    family.revoke(services(), session, link_id)
    return see_other(url_for("patient.relatives", unit_code=unit_code))
