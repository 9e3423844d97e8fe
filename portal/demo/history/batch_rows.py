"""Rows of the invented batch files."""

from __future__ import annotations

import csv
import io

from portal.core.clock import business_day, now
from portal.demo.settlements import PERSONS
from portal.issuing.manual.batch_file import COLUMNS


def file(number: int, good: int, bad: int) -> bytes:
    """Return a CSV file of bills of one line; the ``bad`` ones after the good have an amount that does not agree."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.title for column in COLUMNS])
    day = f"{business_day(now())}"
    for place in range(good + bad):
        person = PERSONS[10 + place]
        amount = "60.00" if place < good else "61.00"
        values = {
            "order": "1",
            "serial": f"TJ{number:02d}{place:06d}",
            "kind": "医疗门诊收费票据",
            "payer_kind": "个人",
            "payer_name": person.name,
            "id_no": person.id_no,
            "phone": person.phone,
            "business_day": day,
            "scene": "体检",
            "code": "P0001",
            "quantity": "1",
            "price": "60",
            "amount": amount,
            "channel": "微信",
        }
        writer.writerow([values.get(column.name, "") for column in COLUMNS])
    return out.getvalue().encode("utf-8-sig")
