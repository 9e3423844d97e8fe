"""The fault switches over HTTP: their routes, and reading them from JSON and from the pages' forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.simulators.faults import Faults


def switch_routes(pages: Blueprint, faults: Faults, home: str) -> None:
    """``/faults`` shows and takes the switches as JSON; ``/switch`` takes one from a form and leads ``home``."""

    @pages.get("/faults")
    def show_faults() -> ResponseReturnValue:
        return jsonify(faults.as_json())

    @pages.post("/faults")
    def set_faults() -> ResponseReturnValue:
        faults.set(wanted_switches(request.get_json(force=True)))
        return jsonify(faults.as_json())

    @pages.post("/switch")
    def switch() -> ResponseReturnValue:
        switch_from_form(faults, request.form)
        return redirect(url_for(home), 303)


def wanted_switches(body: Any) -> Mapping[str, Any]:
    """A JSON body that names switches. Raises ValueError in Chinese."""
    if not isinstance(body, Mapping):
        raise ValueError("报文应为对象：开关名 → 设置")
    return body


def switch_from_form(faults: Faults, form: Mapping[str, str]) -> None:
    """One switch by form fields ``name``, ``act`` (on, off, clear), ``percent``, ``count``, ``value``.

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
