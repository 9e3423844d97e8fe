"""Units (开票单位): registered with the seals that finance has given, and checked before an installation starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Row, insert, inspect, select, update

from portal import audit
from portal.core.required import NotReady
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.models.tables import UNIT


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit as it is licensed; ``code`` is public and stands in the hospital code ``/h/<code>``."""

    code: str
    name: str
    short_name: str
    credit_code: str
    region_code: str
    org_type: str


@dataclass(frozen=True, slots=True)
class Seals:
    """Id, name and hash of the unit's seal and of the seal of supervision (监制章), as finance has given them."""

    seal_id: str
    seal_name: str
    seal_hash: str
    supervision_seal_id: str
    supervision_seal_name: str
    supervision_seal_hash: str

    def titled(self) -> tuple[tuple[str, str, str, str], tuple[str, str, str, str]]:
        """Return title, id, name and hash of both."""
        return (
            ("单位印章", self.seal_id, self.seal_name, self.seal_hash),
            ("监制章", self.supervision_seal_id, self.supervision_seal_name, self.supervision_seal_hash),
        )


def by_code(connection: Connection, code: str) -> Row[tuple[object, ...]]:
    """Return the unit with this code; without a code, the only one. Raises INPUT_INVALID."""
    statement = select(UNIT).where(UNIT.c.code == code) if code else select(UNIT)
    units = connection.execute(statement.limit(2)).all()
    if len(units) != 1:
        raise Refusal("INPUT_INVALID", reason="单位编码不存在，或有多个单位而没有写明是哪一个")
    return units[0]


def register(services: Services, actor: Actor, unit: NewUnit, seals: Seals) -> int:
    """Register a unit with its seals; returns its id. Audited.

    Raises INPUT_INVALID for seals that no bill may be signed with, CODE_TAKEN.
    """
    _refuse(services, unit.code, seals)
    with services.database.write() as connection:
        if connection.scalar(select(UNIT.c.id).where(UNIT.c.code == unit.code)) is not None:
            raise Refusal("CODE_TAKEN", taken=unit.code)
        values = asdict(unit) | asdict(seals)
        unit_id: int = connection.execute(insert(UNIT).values(**values).returning(UNIT.c.id)).scalar_one()
        audit.record(connection, actor, "unit.created", ("unit", unit_id), {"after": values})
    return unit_id


def seal(services: Services, actor: Actor, code: str, seals: Seals) -> None:
    """Give a unit its seals; bills signed from now on carry them. Audited.

    Raises INPUT_INVALID for an unknown unit and for seals that no bill may be signed with.
    """
    with services.database.write() as connection:
        unit = by_code(connection, code)
        _refuse(services, unit.code, seals)
        before = {name: getattr(unit, name) for name in asdict(seals)}
        connection.execute(update(UNIT).where(UNIT.c.id == unit.id).values(**asdict(seals)))
        details = {"before": before, "after": asdict(seals)}
        audit.record(connection, actor, "unit.sealed", ("unit", unit.id), details)


def check_seals(services: Services) -> None:
    """Check the seals of every unit; a database without tables has none yet. Raises NotReady, which names each."""
    with services.database.read() as connection:
        if not inspect(connection).has_table(UNIT.name):
            return
        units = connection.execute(select(UNIT).order_by(UNIT.c.id)).all()
    problems: list[str] = []
    for unit in units:
        seals = Seals(**{name: getattr(unit, name) for name in Seals.__slots__})
        problems += services.settings.seal_problems(unit.code, seals.titled())
    if problems:
        raise NotReady(problems)


def _refuse(services: Services, code: str, seals: Seals) -> None:
    problems = services.settings.seal_problems(code, seals.titled())
    if problems:
        raise Refusal("INPUT_INVALID", reason="；".join(problems))
