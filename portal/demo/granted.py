"""What finance had granted the demo hospital before the platform began: kinds, numbers, who uses them.

One plan for both sides: the demo's opening stock and the finance simulator's books. Region 99 is nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass

POINTS = (
    ("01", "门诊收费1号窗", "window"),
    ("02", "门诊收费2号窗", "window"),
    ("03", "急诊收费窗", "window"),
    ("04", "住院结算窗", "window"),
    ("05", "体检收费", "window"),
    ("06", "接种门诊收费", "window"),
    ("07", "自助机A", "kiosk"),
    ("08", "自助机B", "kiosk"),
    ("09", "线上（公众号/小程序）", "online"),
    ("99", "应急开票点", "emergency"),
)
ALL = tuple(code for code, _, _ in POINTS)
DEPOSITS = ("01", "03", "04", "05", "07", "99")
DESKS = ("01", "02", "03", "04", "05", "06", "07", "08")
NUMBERS_A_POINT = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """One kind: ``paper`` is the prefix of its paper form; ``share`` numbers for each of ``points`` from ``first`` on.

    The unit keeps as many as two points have.
    """

    prefix: str
    name: str
    form: str
    paper: str
    first: int
    share: int
    points: tuple[str, ...]

    @property
    def last(self) -> int:
        """The last number of the opening stock."""
        return self.first + self.share * (len(self.points) + 2) - 1


PLANS = (
    Plan("990601", "广东省医疗门诊收费票据（电子）", "outpatient", "990621", 9_000_000_001, NUMBERS_A_POINT, ALL),
    Plan("990602", "广东省医疗住院收费票据（电子）", "inpatient", "990622", 8_000_000_001, NUMBERS_A_POINT, ALL),
    Plan("990401", "广东省资金往来结算票据（电子）", "general", "990421", 7_000_000_001, 2_000, ("01", "04")),
    Plan("990501", "广东省公益事业捐赠票据（电子）", "donation", "990521", 6_000_000_001, 1_000, ("01", "04")),
    Plan("999901", "预交金凭证（电子）", "voucher", "999921", 5_000_000_001, 10_000, DEPOSITS),
    Plan("990621", "广东省医疗门诊收费票据（机打纸质）", "paper", "", 100_001, 1_000, DESKS),
    Plan("990622", "广东省医疗住院收费票据（机打纸质）", "paper", "", 200_001, 1_000, DESKS),
    Plan("990421", "广东省资金往来结算票据（机打纸质）", "paper", "", 300_001, 500, ("01", "04")),
    Plan("990521", "广东省公益事业捐赠票据（机打纸质）", "paper", "", 400_001, 500, ("01", "04")),
    Plan("999921", "预交金凭证（机打纸质）", "paper", "", 500_001, 1_000, DEPOSITS[:-1]),
)
