"""Push to the hospital's APP: signed, at least once, de-duplicated over there by the event's number; names nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from portal.core.settings import Settings
from portal.delivery.channels.app import AppPush
from portal.domain.delivery import Purpose
from tests.channels import Bench
from tests.his import His
from tests.simulators import running_simulators


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_event_arrives_once_whatever_fails(app: Flask, his: His, tmp_path: Path) -> None:
    bench, other, wrong = (Bench(app, his, f"PUSH{number}", patientId=f"P{number}") for number in range(3))
    with running_simulators(tmp_path / "simulators") as simulators:
        settings = Settings(demo=True, push_url=simulators.url("/push/events"))
        channel = AppPush(settings)
        simulators.faults("push", down={"count": 1}, answer_lost={"count": 1})
        first, gone = bench.open("app"), other.open("app", Purpose.REVERSED)
        bench.run(channel, passes=5)
        assert bench.attempts(first)[0][1] == "accepted" and other.attempts(gone)[0][1] == "accepted"
        found = simulators.get("/push/messages")
        assert sorted(one["event"] for one in found) == ["bill.issued", "bill.reversed"]
        assert {one["patient_id"] for one in found} == {"P0", "P1"} and found[0]["amount"] == "128.50"
        assert not any(word in str(found) for word in ("林", "内科", "000000195203150010"))
        assert "收到" in simulators.page("/push")
        stopped = wrong.open("app")
        wrong.run(AppPush(settings.model_copy(update={"push_key": "another"})), passes=1)
        assert wrong.attempts(stopped)[0][1:3] == ("held", "config")
