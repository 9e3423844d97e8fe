"""``qupiao offline``: bill links by the rule of docs/offline-link.md, computed without database or network."""

from __future__ import annotations

import click

from portal.cli.base import invented, say, settings_of
from portal.core.crypto.keyring import MasterKeyMissing
from portal.core.settings import Settings
from portal.demo.accounts import DEMO_APPID, UNIT_CODE


@click.group(help="bill links without a network")
def offline() -> None:
    """Group the commands of offline links."""


@offline.command(help="print the link key to hand to a HIS account (keep it secret)")
@click.option("--appid", default="", help="the HIS account")
@click.option("--key-id", default="", help="default: the one in use")
@click.pass_context
def key(context: click.Context, appid: str, key_id: str) -> None:
    """Print the key id and the account's link key in hex."""
    settings = settings_of(context)
    key_id = key_id or settings.link_key_ids[0]
    say(f"{key_id} {_link_key(context, settings, key_id, appid).hex()}")


@offline.command(help="print the link that a serial's bill has or will have")
@click.argument("serial")
@click.option("--unit", default="", help="单位通码 code of the unit")
@click.option("--key", "given", default="", help="the account's link key in hex; default: from this installation")
@click.option("--appid", default="", help="the HIS account")
@click.option("--key-id", default="", help="default: the one in use")
@click.pass_context
def link(context: click.Context, serial: str, unit: str, given: str, appid: str, key_id: str) -> None:
    """Print the link of the bill of SERIAL, the 业务流水号 as the HIS sends it (busNo)."""
    from portal.domain.link import token

    settings = settings_of(context)
    if not unit and not invented(context):
        raise click.UsageError("name the unit: --unit CODE")
    key_id = key_id or settings.link_key_ids[0]
    secret = bytes.fromhex(given) if given else _link_key(context, settings, key_id, appid)
    say(settings.bill_address(token(secret, key_id, unit or UNIT_CODE, serial.strip())))


def _link_key(context: click.Context, settings: Settings, key_id: str, appid: str) -> bytes:
    if not appid and not invented(context):
        raise click.UsageError("name the HIS account: --appid ID")
    try:
        return settings.keyring().link_key(key_id, appid or DEMO_APPID)
    except MasterKeyMissing as missing:
        raise click.ClickException(str(missing)) from missing
