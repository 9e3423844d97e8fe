"""What the application registers for the patients' pages: no address carries an identity, the session alone decides.

A new page module is imported and listed here, no more.
"""

from __future__ import annotations

from typing import Any

from portal.blueprints.patient import english, form_results
from portal.blueprints.patient.context import FILTERS, keep_open, patient
from portal.blueprints.patient.pages import (
    bill,
    choices,
    company,
    family,
    help_desk,
    link,
    lists,
    notices,
    verification,
    vouchers,
)
from portal.blueprints.patient.pages.getting import handing_over, sending, sharing, stopping
from portal.blueprints.patient.pages.getting.cards import patient_cards
from portal.blueprints.patient.pages.proof import changed_phone, codes, find, remembered
from portal.blueprints.patient.refusals import broken, http_error
from portal.domain.documents.settlement import Scene
from portal.web.edge import KEY

__all__ = ["PAGES", "broken", "http_error", "patient", "patient_cards"]


@patient.record_once
def _prepare(state: Any) -> None:
    settings = state.app.extensions[KEY].services.settings
    state.app.jinja_env.filters.update(FILTERS)
    english.prepare(state.app.jinja_env)
    state.app.jinja_env.globals.update(form_results.GLOBALS)
    state.app.jinja_env.globals["our_address"] = f"{settings.outside}/"
    state.app.jinja_env.globals["scene_title"] = lambda scene: Scene(scene).charged


patient.after_request(keep_open)


PAGES = (
    bill,
    changed_phone,
    choices,
    codes,
    company,
    family,
    find,
    handing_over,
    help_desk,
    link,
    lists,
    notices,
    remembered,
    sending,
    sharing,
    stopping,
    verification,
    vouchers,
)
"""The modules whose views hang on the same blueprint."""
