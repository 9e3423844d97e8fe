"""Routes of the simulated HIS under ``/desk``: choose a person and a scene, push the settlement, see the answer."""

from __future__ import annotations

import json
import random

import httpx
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from portal.core.clock import now
from portal.demo.settlements import PERSONS, TITLES, settlement
from portal.simulators.context import state_of
from portal.simulators.his.rules import call, new_serial
from portal.simulators.his.state import His

pages = Blueprint("his", __name__, url_prefix="/desk", template_folder="templates")


@pages.get("")
def choose_settlement() -> ResponseReturnValue:
    """Show the people and the scenes."""
    return _page()


@pages.post("")
def push_settlement() -> ResponseReturnValue:
    """Push an invented settlement and show what the platform answers.

    The same serial makes the same settlement again, so that a repeated push can be tried out by hand.
    """
    here, scene, chosen = state_of(His), request.form["scene"], int(request.form.get("person", "0"))
    if scene not in TITLES or not 0 <= chosen < len(PERSONS):
        raise ValueError("没有这个场景或人物")
    moment = now()
    serial = request.form.get("serial", "").strip()[:50] or new_serial(scene, moment)
    method, body = settlement(scene, PERSONS[chosen], serial, moment, random.Random(serial))
    sent = json.dumps(body, ensure_ascii=False, indent=1)
    try:
        reply = call(here.http, here.base, method, body)
    except (httpx.HTTPError, ValueError, KeyError) as error:
        lost = f"平台没有应答（{type(error).__name__}），请用同一流水号 {serial} 再推送"
        return _page(chosen, error=lost, sent=sent), 502
    return _page(chosen, result=reply.result, answer=reply.message, sent=sent, link=reply.link, method=method)


def _page(chosen: int = 0, **values: str) -> str:
    values = {"error": "", "answer": "", "sent": "", "result": "", "link": "", "method": ""} | values
    return render_template("his.html", titles=TITLES, persons=PERSONS[:20], chosen=chosen, **values)
