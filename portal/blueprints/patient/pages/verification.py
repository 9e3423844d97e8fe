"""The page on which whoever holds a bill verifies it; needs no session, shows nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flask import Response, request

from portal.blueprints.patient import form_results
from portal.blueprints.patient.context import OFFICIAL, caller, page, patient, unit_of
from portal.blueprints.patient.form_results import Result, show
from portal.retrieval import verification as retrieval_verification
from portal.web.edge import limits, services


@patient.route("/h/<string:unit_code>/verify", methods=["GET", "POST"])
def verification(unit_code: str) -> Response:
    """查验: five elements typed; the answer stands on the same page, what was typed in its address never."""
    unit = unit_of(unit_code)
    told: Mapping[str, Any]
    if request.method == "GET":
        told = form_results.shown().told
        return page("verify.html", elements=retrieval_verification.ELEMENTS, official=OFFICIAL, **told)
    typed = form_results.typed(*retrieval_verification.ELEMENTS, most=40)
    elements, wrong = retrieval_verification.read(typed)
    if elements is None:
        return show(request.path, Result(422, typed, wrong=wrong))
    told = {"asked": True}
    if found := retrieval_verification.verify(services(), limits(), unit.id, elements, caller()):
        told |= {"verdict": list(map(asdict, retrieval_verification.verdict(*found))), "times": found[1].verified}
    return show(request.path, Result(typed=typed, told=told))
