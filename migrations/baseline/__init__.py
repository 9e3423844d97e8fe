"""The schema as revision 0023 made it, by subject. Nothing here changes any more: later changes are versions."""

from __future__ import annotations

from migrations.baseline import bills, delivery, desk, hospital, numbers, paper, patients, staff, vouchers

PARTS = (hospital, staff, numbers, bills, paper, vouchers, desk, patients, delivery)
"""In the order in which they are made: a table comes after those that it refers to."""
