"""``python -m portal.simulators --port N --data-dir D``: run the simulators until interrupted."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from portal.demo.settings import DemoSettings
from portal.simulators.app import create_simulators
from portal.simulators.mail import smtp
from portal.simulators.mail.rules import send_report
from portal.simulators.server import listen
from portal.simulators.store import Store


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the arguments say (those of the command line unless given); SIGTERM and Ctrl-C end it cleanly."""
    settings = DemoSettings()
    parser = argparse.ArgumentParser(prog="python -m portal.simulators", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=settings.port + 1)
    parser.add_argument("--data-dir", type=Path, default=settings.data_dir)
    parser.add_argument("--smtp-port", type=int, help="default: the port after it")
    parser.add_argument("--bounces", default="", help="where bounces are posted; default: this installation")
    options = parser.parse_args(arguments)
    app = create_simulators(options.data_dir, settings)
    server = listen(app, options.host, options.port)
    smtp_port = options.smtp_port if options.smtp_port is not None else options.port + 1 if options.port else 0
    store = Store(options.data_dir / "simulators" / "state.sqlite3")
    sink = smtp.start(store, options.host, smtp_port, partial(send_report, options.bounces or settings.bounces))
    app.extensions["qupiao_smtp_port"] = sink.port
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the serving loop, so it must not run inside it
        signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
    print(f"Simulators are ready: http://{options.host}:{server.port}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
