"""SMTP server that keeps what it is given, on a port of its own, with faults; nothing goes out."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Callable

from portal.simulators.faults import Faults
from portal.simulators.mail.rules import SWITCHES, Inbox
from portal.simulators.store import Store

MOST_BYTES = 12 * 1024 * 1024
Bounce = Callable[[str, bytes], None]
"""Told the recipient and the text of a message that was taken and could not be delivered."""
_PATH = re.compile(r"(?:FROM|TO):\s*<([^<>\s]{0,320})>.*", re.IGNORECASE)


class _Session(socketserver.StreamRequestHandler):
    timeout = 60
    server: Sink

    def handle(self) -> None:
        """Serve one connection: EHLO, MAIL, RCPT, DATA, as a client of RFC 5321 speaks them."""
        self._say("220 qupiao-simulator ESMTP")
        sender = ""
        recipients: list[str] = []
        while line := self.rfile.readline(2048):
            verb, _, rest = line.decode("latin-1").strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    self._say(f"250-qupiao-simulator\r\n250-SIZE {MOST_BYTES}\r\n250 8BITMIME")
                case "HELO" | "NOOP" | "RSET":
                    recipients = []
                    self._say("250 OK")
                case "MAIL":
                    sender = self._path(rest)
                    self._say("250 OK")
                case "RCPT":
                    answer = self._recipient()
                    if answer.startswith("250"):
                        recipients.append(self._path(rest))
                    self._say(answer)
                case "DATA":
                    if not self._data(sender, recipients):
                        return
                    recipients = []
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("502 not implemented")

    def _recipient(self) -> str:
        self.server.faults.delay()
        if self.server.faults.strikes("busy"):
            return "451 try again later"
        return "550 no such user" if self.server.faults.strikes("unknown") else "250 OK"

    def _data(self, sender: str, recipients: list[str]) -> bool:
        """Take the text; ``False`` when the connection ends here."""
        if not recipients:
            self._say("503 RCPT first")
            return True
        self._say("354 end with a dot")
        lines, size = [], 0
        while (line := self.rfile.readline(65536)) and line != b".\r\n":
            line = line[1:] if line.startswith(b"..") else line
            size += len(line)
            lines.append(line)
        if not line:
            return False  # the client went away before the dot: nothing was taken
        if size > MOST_BYTES or self.server.faults.strikes("content"):
            self._say("552 too large" if size > MOST_BYTES else "554 content refused")
            return True
        raw = b"".join(lines)
        for recipient in recipients:
            for _ in range(2 if self.server.faults.strikes("twice") else 1):
                self.server.inbox.keep(sender, recipient, raw)
            if self.server.faults.strikes("bounce"):
                self.server.bounced(recipient, raw)
        if self.server.faults.strikes("answer_lost"):
            return False
        if self.server.faults.strikes("half_answer"):
            self.wfile.write(b"25")
            return False
        self._say("250 kept")
        return True

    @staticmethod
    def _path(rest: str) -> str:
        found = _PATH.fullmatch(rest)
        return found[1] if found else ""

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Sink(socketserver.ThreadingTCPServer):
    """The server. ``port`` is the one in force."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, store: Store, host: str, port: int, bounced: Bounce | None = None) -> None:
        super().__init__((host, port), _Session)
        self.inbox = Inbox(store)
        self.faults = Faults(store, "mail", SWITCHES)
        self.port = int(self.server_address[1])
        self._bounced = bounced

    def bounced(self, recipient: str, raw: bytes) -> None:
        """Send the delivery status notification of a message that was taken and could not be delivered."""
        if self._bounced is not None:
            threading.Thread(target=self._bounced, args=(recipient, raw), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that goes away: it is no error of ours."""


def start(store: Store, host: str, port: int, bounced: Bounce | None = None) -> Sink:
    """Serve in threads of this process until it ends. A taken port is replaced by a free one."""
    try:
        sink = Sink(store, host, port, bounced)
    except OSError:
        sink = Sink(store, host, 0, bounced)
    threading.Thread(target=sink.serve_forever, name="smtp", daemon=True).start()
    return sink
