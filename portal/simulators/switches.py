"""The fault switches over HTTP: their routes, and reading them from JSON and from the pages' forms."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.simulators.context import party_faults
from portal.simulators.faults import Faults


def add_switches(pages: Blueprint) -> None:
    """Add the addresses of the switches to a party's pages, which have a view ``show_inbox``.

    ``/faults`` shows and takes the switches as JSON; ``/switch`` takes one from a form and leads back to the inbox.
    """
    pages.get("/faults")(show_faults)
    pages.post("/faults")(set_faults)
    pages.post("/switch")(set_switch)


def show_faults() -> ResponseReturnValue:
    """List the switches of the party as JSON."""
    return jsonify(party_faults().as_json())


def set_faults() -> ResponseReturnValue:
    """Set the switches that a JSON body names."""
    faults = party_faults()
    faults.set(wanted_switches(request.get_json(force=True)))
    return jsonify(faults.as_json())


def set_switch() -> ResponseReturnValue:
    """Set the switch that a form names."""
    switch_from_form(party_faults(), request.form)
    return redirect(url_for(".show_inbox"), 303)


def wanted_switches(body: object) -> Mapping[str, object]:
    """Check a JSON body that names switches. Raises ValueError in Chinese."""
    if not isinstance(body, Mapping):
        raise ValueError("报文应为对象：开关名 → 设置")
    return body


def switch_from_form(faults: Faults, form: Mapping[str, str]) -> None:
    """Set one switch by the form fields ``name``, ``act`` (on, off, clear), ``percent``, ``count``, ``value``.

    Raises ValueError in Chinese.
    """
    if form.get("act") == "clear":
        faults.clear()
    elif form.get("act") == "off":
        faults.set({form.get("name", ""): None})
    else:
        count = form.get("count", "").strip()
        faults.set(
            {
                form.get("name", ""): {
                    "probability": _number(form.get("percent", ""), 100) / 100,
                    "count": _number(count, 0) if count else None,
                    "value": _number(form.get("value", ""), 0),
                }
            }
        )


def _number(text: str, default: int) -> int:
    text = text.strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise ValueError("请填写整数")
    return int(text)
