"""``python -m portal.simulators --port N --data-dir D``: run the simulators until interrupted."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from portal.core.settings import Settings
from portal.simulators.app import create_simulators
from portal.simulators.server import listen


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the arguments say (those of the command line unless given); SIGTERM and Ctrl-C end it cleanly."""
    settings = Settings()
    parser = argparse.ArgumentParser(prog="python -m portal.simulators", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=settings.port + 1)
    parser.add_argument("--data-dir", type=Path, default=settings.data_dir)
    options = parser.parse_args(arguments)
    server = listen(create_simulators(options.data_dir, settings), options.host, options.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the serving loop, so it must not run inside it
        signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
    print(f"Simulators are ready: http://{options.host}:{server.port}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
