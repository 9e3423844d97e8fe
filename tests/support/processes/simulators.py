"""The simulators as tests use them: a real process on a free port, and bills to send to it."""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import httpx

from portal.core.clock import SHANGHAI, now
from portal.core.crypto.cms import FileSigner
from portal.demo.keys import KeyFiles, ensure_demo_keys
from portal.demo.settings import DemoSettings
from portal.domain.documents.bill import BillDocument, InvoicingParty, Item, MedicalExt, PayerParty, Seal
from portal.providers.finance.adapter import FinanceAccount
from portal.providers.finance.client import FinanceClient
from portal.providers.finance.messages import Upload
from portal.providers.finance.national.adapter import NationalAdapter
from portal.rendering import xml
from portal.simulators.__main__ import main as simulate
from tests.support.processes.forks import PROCESSES


def _serve(arguments: list[str], writer: Connection) -> None:
    for name in [name for name in os.environ if name.startswith("QUPIAO_")]:
        del os.environ[name]
    os.environ["QUPIAO_WECHAT_TELLS"] = "0"
    with os.fdopen(os.dup(writer.fileno()), "w") as output, redirect_stdout(output):
        simulate(arguments)


class Simulators:
    """One simulators' process. It keeps its port and data over :meth:`kill` and :meth:`start`."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = 0
        self._process: ForkServerProcess | None = None
        self._http = httpx.Client(timeout=20, trust_env=False)

    def start(self) -> None:
        """Start and wait for the line that says ready."""
        reader, writer = PROCESSES.Pipe(duplex=False)
        arguments = ["--port", str(self.port), "--data-dir", str(self.data_dir)]
        self._process = PROCESSES.Process(target=_serve, args=(arguments, writer), daemon=True)
        self._process.start()
        writer.close()
        with os.fdopen(os.dup(reader.fileno())) as output:
            line = output.readline()
        reader.close()
        assert "Simulators are ready" in line, line
        self.port = int(line.rsplit(":", 1)[1])

    def kill(self) -> None:
        """``kill -9``."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        assert self._process.pid is not None
        os.kill(self._process.pid, number)
        self._process.join(20)
        status = self._process.exitcode
        assert status is not None
        self._process.close()
        self._process = None
        return status

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> Any:
        """JSON of a path."""
        return self._http.get(self.url(path)).raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        """POST JSON, JSON back."""
        return self._http.post(self.url(path), json=body).raise_for_status().json()

    def page(self, path: str) -> str:
        """The text of a page."""
        return self._http.get(self.url(path)).raise_for_status().text

    def faults(self, service: str, **switches: Any) -> None:
        """Exactly these switches on."""
        known = self.get(f"/{service}/faults")
        self.post(f"/{service}/faults", dict.fromkeys(known) | switches)

    def bill(self, code: str, number: str) -> dict[str, Any] | None:
        """What finance has under this number."""
        rows = self.get("/finance/bills.json")
        return next((row for row in rows if (row["bill_code"], row["number"]) == (code, number)), None)

    def client(self, **more: Any) -> FinanceClient:
        """A client with the right account, unless ``more`` says otherwise."""
        settings = DemoSettings()
        values = {"app_id": settings.finance_app_id, "app_key": settings.finance_app_key, "timeout": 5.0} | more
        algorithm = values.pop("algorithm", "SM3")
        account = FinanceAccount(self.url("/finance/exchange"), **values)
        return FinanceClient(account, NationalAdapter(account.app_id, account.app_key, algorithm))


@contextmanager
def running_simulators(data_dir: Path) -> Iterator[Simulators]:
    """Simulators over ``data_dir`` for the length of a block."""
    simulators = Simulators(data_dir)
    simulators.start()
    try:
        yield simulators
    finally:
        simulators.kill()


_numbers = itertools.count(random.randrange(10**8, 9 * 10**9))


class BillMaker:
    """Signs invented bills with the demo unit's key."""

    def __init__(self, data_dir: Path) -> None:
        self.keys: KeyFiles = ensure_demo_keys(data_dir)
        self.signer = FileSigner.load(self.keys.unit_key, self.keys.unit_certificate)

    def document(self, **changes: Any) -> BillDocument:
        """A bill of 128.50 yuan with a number that no other call gets."""
        number = f"{next(_numbers):010d}"
        bill = BillDocument(
            name="演示医疗门诊收费票据（电子）",
            code="99060126",
            number=number,
            check_code="0a1b2c",
            specimen_code="9906012601",
            area_code="990000",
            total_fen=12850,
            issued_at=now().astimezone(SHANGHAI).replace(microsecond=0),
            unit=InvoicingParty("12990000TEST00001X", "演示市人民医院"),
            payer=PayerParty("1", "演示甲"),
            serial=f"MZ{number}",
            cashier="收费员一",
            checker="复核员一",
            ext=MedicalExt(own_pay_fen=12850),
            items=(Item("0801", "诊察费", 2850), Item("0807", "西药费", 10000)),
            supervisor_seal=Seal("9" * 32, "演示监制章", "0" * 64),
        )
        return replace(bill, **changes)

    def upload(self, document: BillDocument | None = None, signer: FileSigner | None = None) -> Upload:
        """The bill signed and ready to send."""
        document = document or self.document()
        signer = signer or self.signer
        signed, moment = xml.write(document), document.issued_at
        signature = signer.sign(signed)
        return self.packed(document, signed, signature, moment, signer.serial_hex)

    def packed(self, document: BillDocument, signed: bytes, signature: bytes, moment: datetime, serial: str) -> Upload:
        """An upload of exactly these bytes."""
        element = xml.unit_signature_element("SM3withSM2", moment, serial, signature)
        related = (document.ext.related_code, document.ext.related_number) if document.ext.related_code else None
        whole = xml.assemble(signed, element, None)
        return Upload(document.code, document.number, document.serial, whole, signature, moment, serial, related)
