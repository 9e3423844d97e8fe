"""From an issued bill to its supervision, through the outbox, against the finance simulator; on both databases."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.core.breaker import Breaker
from portal.core.crypto.certificates import load_certificate
from portal.core.crypto.cms import verify_detached
from portal.domain.states.bills import BillState
from portal.fiscal.bills import POLLS, TOPIC, send_again
from portal.ledger.bills import document_xml
from portal.models import AuditEntry, Bill, FinanceMessage, OutboxTask, Supervision
from portal.outbox.tasks import Done, Retry
from portal.providers.finance import message_log
from portal.providers.finance.message_log import LogEntry, MessageIds
from portal.rendering import xml
from tests.support.finance import World
from tests.support.processes.forks import Forked, program
from tests.support.processes.services import wait_for
from tests.support.processes.simulators import BillMaker

BILL, TASK, LOG, AUDIT, SUPERVISION = (
    model.__table__ for model in (Bill, OutboxTask, FinanceMessage, AuditEntry, Supervision)
)


def test_issued_bill_is_supervised(world: World) -> None:
    """Both signatures stand in the document; state, log, audit and the next task are written."""
    [bill_id] = world.issue()
    world.work()
    parts = xml.split(document_xml(world.services, bill_id))
    roots = [load_certificate(world.services.settings.data_dir / "keys" / "ca.crt")]
    assert parts.supervisor is not None
    verify_detached(parts.unit.value, parts.signed, roots, parts.unit.time)
    covered = xml.supervised_bytes(parts.signed, parts.unit_element)
    verify_detached(parts.supervisor.value, covered, roots, parts.supervisor.time)
    assert world.states() == {BillState.SUPERVISED}
    [attempt] = world.rows(LOG)
    assert (attempt.message_no, attempt.attempt, attempt.outcome, attempt.result_code) == (
        "9301",
        1,
        "supervised",
        "0000",
    )
    assert attempt.answered_at >= attempt.sent_at
    assert len(world.rows(AUDIT, action="bill.supervised", object_id=str(bill_id))) == 1
    assert [row.state for row in world.rows(TASK, topic=TOPIC)] == ["done"]
    assert world.effects() == [1]


def test_outage_then_all_supervised_once(world: World) -> None:
    """Finance is down during the issues; afterwards every bill is supervised, each once."""
    world.finance.faults("finance", down=True)
    ids = world.issue(20)
    for _ in range(3):
        world.work()
    assert world.states() == {BillState.ISSUED}
    assert world.effects() == []
    world.finance.faults("finance")
    world.work()
    assert world.states() == {BillState.SUPERVISED}
    assert world.effects() == [1] * 20
    assert len(world.rows(SUPERVISION)) == len(ids) == 20


def test_storm_then_all_supervised_once(world: World) -> None:
    """Half of all messages meet some fault; nothing is lost, nothing doubled."""
    often = {"probability": 0.15}
    names = ("down", "hang_up", "answer_lost", "half_answer", "busy", "duplicate", "wrong_digest")
    world.finance.faults("finance", queue={"probability": 0.3, "value": 1}, **dict.fromkeys(names, often))
    world.issue(20)
    exchange = world.exchange(polls=(0.0,))
    wait_for(lambda: world.work(exchange) or world.states() == {BillState.SUPERVISED}, 60)
    assert world.effects() == [1] * 20
    assert {row.outcome for row in world.rows(LOG)} > {"failed"}


def test_breaker_spares_the_messages(world: World) -> None:
    """While finance is away, five failures are enough for twelve tasks; control: without a breaker all twelve go."""
    world.finance.faults("finance", down=True)
    world.issue(12)
    world.work(world.exchange(breaker=Breaker(most=5, pause=600.0)), threads=1)
    assert [row.outcome for row in world.rows(LOG)] == ["failed"] * 5
    world.work(world.exchange(breaker=Breaker(most=10**9)), threads=1)
    assert len(world.rows(LOG)) == 5 + 12


@pytest.mark.parametrize("fault", ["answer_lost", "half_answer", "wrong_digest"])
def test_lost_answer_is_noticed_and_one_effect(world: World, fault: str) -> None:
    """The second upload is told that the first had worked, and says so in the log."""
    world.finance.faults("finance", **{fault: {"count": 1}})
    world.issue()
    world.work()
    assert world.states() == {BillState.ISSUED}
    assert world.effects() == [1]
    world.work()
    assert world.states() == {BillState.SUPERVISED}
    assert world.effects() == [1]
    assert [(row.attempt, row.outcome) for row in world.rows(LOG)] == [(1, "failed"), (2, "duplicate")]


def test_rejected_field_refuses_the_bill_until_sent_again(world: World) -> None:
    """A refusal waits for a person with its reason; after the cure the same bill is supervised."""
    world.finance.faults("finance", reject_field={"count": 1})
    [bill_id] = world.issue()
    world.work()
    assert world.states() == {BillState.REFUSED}
    [refusal] = world.rows(AUDIT, action="bill.refused", object_id=str(bill_id))
    assert refusal.details["code"] == "2001"
    [task] = world.rows(TASK, topic=TOPIC)
    assert task.state == "dead"
    assert "PayerPartyName" in task.last_error
    assert world.rows(SUPERVISION) == []
    assert send_again(world.services, "test") == 1
    assert send_again(world.services, "test") == 0
    world.work()
    assert world.states() == {BillState.SUPERVISED}
    assert world.effects() == [1]


def test_finance_quoting_the_payer_is_not_written_down(world: World) -> None:
    """Invariant 6 holds against finance's own texts."""
    [bill_id] = world.issue()
    number = f"{world.rows(BILL)[0].number:010d}"
    world.finance.faults("finance", queue={"value": 3_600_000})
    world.work()
    opinion = "交款人林演安（000000195203150010）不符"
    world.finance.post(
        "/finance/refuse", {"bill_code": world.rows(BILL)[0].bill_code, "number": number, "opinion": opinion}
    )
    world.work()
    assert world.states() == {BillState.REFUSED}
    written = [row.reason for row in world.rows(LOG)] + [row.last_error for row in world.rows(TASK)]
    written += [str(row.details) for row in world.rows(AUDIT, object_id=str(bill_id))]
    assert any("交款人＊＊（＊＊）不符" in text for text in written), written
    assert not any("林演安" in text or "000000195203150010" in text for text in written)


def test_other_content_at_finance_is_a_conflict(world: World) -> None:
    """Somebody has used the number already: refused, not overwritten."""
    world.issue()
    bill = world.rows(BILL)[0]
    maker = BillMaker(world.finance.data_dir)
    other = maker.upload(maker.document(code=bill.bill_code, number=f"{bill.number:010d}"))
    world.finance.client().upload(other)
    world.work()
    assert world.states() == {BillState.REFUSED}
    assert [row.result_code for row in world.rows(LOG)] == ["4002"]


def test_queued_is_polled_by_schedule(world: World) -> None:
    """1, 2, 5, 10, 30 minutes, then hourly; uploaded once only."""
    world.finance.faults("finance", queue={"value": 120_000})
    world.issue()
    exchange, task = world.exchange(), world.task()
    outcomes = [exchange(world.services, task) for _ in range(8)]
    assert [outcome.after for outcome in outcomes if isinstance(outcome, Retry)] == [*POLLS, 3600.0, 3600.0]
    assert world.states() == {BillState.UPLOADED}
    assert [row.message_no for row in world.rows(LOG)] == ["9301", *["9302"] * 7]


def test_queued_is_supervised_later(world: World) -> None:
    """By 9302, without a second upload."""
    world.finance.faults("finance", queue={"value": 300, "count": 1})
    world.issue()
    world.work()
    assert world.states() == {BillState.UPLOADED}
    wait_for(lambda: world.work() or world.states() == {BillState.SUPERVISED})
    assert world.effects() == [1]
    assert [row.message_no for row in world.rows(LOG)].count("9301") == 1


def test_finance_that_forgot_gets_the_bill_again(world: World) -> None:
    """Restored from an old backup: 9302 says unknown, so the bill is uploaded again."""
    world.finance.faults("finance", queue={"value": 3_600_000})
    world.issue()
    world.work()
    world.finance.kill()
    shutil.rmtree(world.finance.data_dir / "simulators")
    world.finance.start()
    world.work()
    assert world.states() == {BillState.SUPERVISED}
    assert [row.message_no for row in world.rows(LOG)] == ["9301", "9302", "9301"]


def test_signature_over_other_bytes_is_not_believed(world: World) -> None:
    """Finance has the bill, we do not show it as supervised; a person is told."""
    world.finance.faults("finance", wrong_signature={"count": 1})
    [bill_id] = world.issue()
    world.work()
    assert world.states() == {BillState.UPLOADED}
    assert world.rows(SUPERVISION) == []
    assert len(world.rows(AUDIT, action="bill.supervision_invalid", object_id=str(bill_id))) == 1
    assert [row.state for row in world.rows(TASK, topic=TOPIC)] == ["dead"]


def test_eight_workers_on_one_bill(world: World) -> None:
    """Leases that ran out: all upload, one supervision is written."""
    [bill_id] = world.issue()
    exchange, task = world.exchange(), world.task()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: exchange(world.services, task), range(8)))
    assert outcomes == [Done()] * 8
    assert len(world.rows(SUPERVISION)) == 1
    assert len(world.rows(AUDIT, action="bill.supervised", object_id=str(bill_id))) == 1
    assert world.rows(AUDIT, action="bill.supervised_twice") == []
    assert world.effects() == [1]


def test_two_supervisions_of_one_bill_are_noticed(world: World) -> None:
    """Finance forgot and signed anew while two workers were at it: kept is the first, and it is written down."""
    world.issue()
    task = world.task()
    world.finance.faults("finance", slow={"value": 3_000, "count": 1})
    late = threading.Thread(target=lambda: world.exchange()(world.services, task))
    late.start()
    wait_for(lambda: world.rows(LOG))
    world.exchange()(world.services, task)
    first = world.rows(SUPERVISION)[0].element
    with_other = _forget(world)
    late.join()
    assert with_other
    assert world.rows(SUPERVISION)[0].element == first
    assert len(world.rows(AUDIT, action="bill.supervised_twice")) == 1


def _forget(world: World) -> bool:
    """Take the bill out of finance's memory, so that the message under way is supervised anew."""
    import sqlite3

    with sqlite3.connect(world.finance.data_dir / "simulators" / "state.sqlite3", timeout=20) as connection:
        return connection.execute("DELETE FROM finance_bill").rowcount == 1


def test_no_connection_is_held_while_finance_is_slow(world: World) -> None:
    """Invariant 4: after commit no outside call holds a database connection."""
    world.finance.faults("finance", slow={"value": 3000, "count": 1})
    world.issue()
    task, exchange = world.task(), world.exchange()
    upload = threading.Thread(target=lambda: exchange(world.services, task))
    upload.start()
    wait_for(lambda: [row for row in world.rows(LOG) if row.outcome == "sent"])
    pool: Any = world.services.database.engine.pool
    wait_for(lambda: pool.checkedout() == 0)
    assert upload.is_alive()
    assert world.rows(LOG)[0].outcome == "sent"
    upload.join()
    assert world.states() == {BillState.SUPERVISED}


def test_message_id_is_unique_across_processes(world: World) -> None:
    """Two processes in one millisecond: the second takes the next id before anything is sent."""
    [bill_id] = world.issue()
    ids = MessageIds()
    used, free = ids.next(), ids.next()
    database, entry = world.services.database, LogEntry("9301", "subject", bill_id)
    assert message_log.begin(database, entry, lambda: used).message_id == used
    offered = iter([used, used, free])
    assert message_log.begin(database, entry, lambda: next(offered)).message_id == free
    assert [row.attempt for row in world.rows(LOG)] == [1, 2]


def test_unknown_and_finished_bills(world: World) -> None:
    """A task about nothing is a dead letter; one about a supervised bill sends nothing."""
    world.issue()
    world.work()
    exchange, task = world.exchange(), world.task()
    assert exchange(world.services, task) == Done()
    assert not isinstance(exchange(world.services, replace(task, payload={"bill": 1})), Done)
    assert len(world.rows(LOG)) == 1


def _worker_process(world: World) -> Forked:
    settings = world.services.settings
    environment = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "QUPIAO_FINANCE_URL": settings.finance_url,
    }
    return program("tests.support.processes.uploader:main", [], environment)


def test_worker_killed_in_mid_upload(world: World) -> None:
    """kill -9 while finance is at work: the effect is there, the next worker learns it, nothing is doubled."""
    world.issue(4)
    world.finance.faults("finance", slow={"value": 800, "count": 100})
    process = _worker_process(world)

    def received() -> int:
        return 100 - int(world.finance.get("/finance/faults")["slow"]["remaining"])

    wait_for(received)
    process.kill()
    wait_for(lambda: len(world.effects()) == received())
    told = [row for row in world.rows(LOG) if row.outcome == "supervised"]
    unknown = [row.id for row in world.rows(LOG) if row.outcome == "sent"]
    lost = received() - len(told)
    assert lost > 0
    world.finance.faults("finance")
    world.work()
    assert world.states() == {BillState.SUPERVISED}
    assert world.effects() == [1] * 4
    rows = world.rows(LOG)
    assert sum(row.outcome == "duplicate" for row in rows) == lost
    assert [row.id for row in rows if row.outcome == "sent"] == unknown


def test_log_counts_every_message_that_finance_saw(world: World) -> None:
    """What finance counted as attempts is what our log says was sent."""
    world.finance.faults("finance", answer_lost={"probability": 0.5})
    world.issue(6)
    for _ in range(3):
        world.work()
    seen = sum(row["attempts"] for row in world.finance.get("/finance/bills.json"))
    with world.services.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(LOG)) == seen


def reverse_first(world: World) -> None:
    """Reverse the first bill by the HIS interface."""
    bill = world.rows(BILL)[0]
    answer = world.his.call(
        "writeOffEBill",
        {
            "billBatchCode": bill.bill_code,
            "billNo": f"{bill.number:010d}",
            "reason": "退费",
            "operator": "收费员甲",
            "busDateTime": "20261124093000000",
            "placeCode": "01",
        },
    )
    assert answer.ok, answer.message


def test_a_bill_reversed_before_finance_saw_it(world: World) -> None:
    """Both are uploaded all the same, the red one by 9303 and only after its original; the original stays reversed."""
    [bill_id] = world.issue()
    world.finance.faults("finance", down=True)
    world.work()
    reverse_first(world)
    world.work()
    world.finance.faults("finance")
    world.work()
    world.work()
    original, red = world.rows(BILL)
    assert (original.id, original.state, red.state) == (bill_id, BillState.REVERSED, BillState.SUPERVISED)
    assert {row.bill_id for row in world.rows(SUPERVISION)} == {original.id, red.id}
    done = [(row.bill_id, row.message_no) for row in world.rows(LOG) if row.outcome == "supervised"]
    assert done == [(original.id, "9301"), (red.id, "9303")]
    assert world.effects() == [1, 1]
    assert {row.state for row in world.rows(TASK, topic=TOPIC)} == {"done"}


def test_a_red_bill_waits_while_its_original_is_queued(world: World) -> None:
    """Finance takes its time over the original, which is reversed meanwhile: it is asked for (9302), then the red."""
    [bill_id] = world.issue()
    world.finance.faults("finance", queue={"value": 300, "count": 1})
    world.work()
    assert world.states() == {BillState.UPLOADED}
    reverse_first(world)
    exchange = world.exchange(polls=(0.0,))

    def both() -> bool:
        world.work(exchange)
        return len(world.rows(SUPERVISION)) == 2

    wait_for(both, 20, "both supervisions")
    original, red = world.rows(BILL)
    assert (original.state, red.state) == (BillState.REVERSED, BillState.SUPERVISED)
    numbers = [row.message_no for row in world.rows(LOG, bill_id=bill_id)]
    assert numbers[0] == "9301" and set(numbers[1:]) == {"9302"}


def test_a_red_bill_of_a_refused_one_waits_for_the_cure(world: World) -> None:
    """Finance refused the original's content: the red one is never sent before it, and nothing is given up."""
    [bill_id] = world.issue()
    world.finance.faults("finance", reject_field={"count": 1})
    world.work()
    assert world.states() == {BillState.REFUSED}
    reverse_first(world)
    world.work()
    original, red = world.rows(BILL)
    assert world.rows(LOG, bill_id=red.id) == []
    assert (original.state, red.state) == (BillState.REVERSED, BillState.ISSUED)
    assert send_again(world.services, "staff:test") == 1
    world.work(threads=1)
    world.work(threads=1)
    assert {row.bill_id for row in world.rows(SUPERVISION)} == {bill_id, red.id}
