"""The page on which whoever holds a bill verifies it; needs no session, shows nobody."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from portal.blueprints.patient.context import caller, page, patient, unit_of
from portal.blueprints.patient.pages.getting.handing_over import OFFICIAL
from portal.retrieval import verification as retrieval_verification
from portal.web.edge import limits, services


@patient.route("/h/<string:unit_code>/verify", methods=["GET", "POST"])
def verification(unit_code: str) -> Response:
    """查验: five elements typed; the answer stands on the same page, what was typed in its address never."""
    unit = unit_of(unit_code)
    typed = {name: request.form.get(name, "")[:40] for name in retrieval_verification.ELEMENTS}
    values: dict[str, Any] = {"typed": typed, "elements": retrieval_verification.ELEMENTS, "official": OFFICIAL}
    if request.method == "GET":
        return page("verify.html", asked=False, wrong={}, **values)
    elements, wrong = retrieval_verification.read(typed)
    if elements is None:
        return page("verify.html", 422, asked=False, wrong=wrong, **values)
    if found := retrieval_verification.verify(services(), limits(), unit.id, elements, caller()):
        values |= {"verdict": retrieval_verification.verdict(*found), "times": found[1].verified}
    return page("verify.html", asked=True, wrong={}, **values)
