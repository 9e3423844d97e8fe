"""What one process works with, built once for web, worker and command line."""

from __future__ import annotations

from functools import cached_property

from portal.access.his.accounts import HisAccountCache
from portal.access.his.wrong_signatures import WrongSignatures
from portal.access.limits import Limits
from portal.approvals.registry import Registry
from portal.core.services import Services
from portal.delivery.cards.documents import Paper
from portal.delivery.cards.wechat import WeChatCards
from portal.hospital import protected_persons, staff_approvals
from portal.hospital.references import UnitCache
from portal.issuing.bills import approvals as bill_approvals
from portal.issuing.bills.issue import IssuingService
from portal.issuing.manual.batch import BatchService
from portal.issuing.manual.drafts import ManualIssueService
from portal.issuing.vouchers import approvals as voucher_approvals
from portal.issuing.vouchers.issue import VoucherService
from portal.providers.clients import Providers
from portal.rendering.pdf.face import FaceRenderer
from portal.retrieval import parameter_changes
from portal.stock import approvals as stock_approvals

APPROVALS = Registry(
    bill_approvals.APPROVALS,
    voucher_approvals.APPROVALS,
    stock_approvals.APPROVALS,
    protected_persons.APPROVALS,
    staff_approvals.APPROVALS,
    parameter_changes.APPROVALS,
)
"""Every kind of four-eyes approval and what runs when it is approved."""


class Runtime:
    """The services of one process. What is costly or seldom needed is built when it is first used."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.limits = Limits(services.database, services.settings.redis_url)
        self.units = UnitCache(services.database)
        self.his_accounts = HisAccountCache(services.database, services.cipher)
        self.wrong_signatures = WrongSignatures()
        self.issuing = IssuingService(services)
        self.approvals = APPROVALS

    @cached_property
    def faces(self) -> FaceRenderer:
        """The renderer of bill faces."""
        return FaceRenderer(self.services.settings.banner, self.services.settings.face_insurance_whole)

    @cached_property
    def vouchers(self) -> VoucherService:
        """The service of prepayment vouchers; it shares the snapshots of issuing."""
        return VoucherService(self.services, self.issuing.references)

    @cached_property
    def manual(self) -> ManualIssueService:
        """The service of manual issue."""
        return ManualIssueService(self.services, self.issuing)

    @cached_property
    def batches(self) -> BatchService:
        """The service of batches."""
        return BatchService(self.services, self.issuing)

    @cached_property
    def providers(self) -> Providers:
        """The clients of outside parties."""
        return Providers(self.services)

    @cached_property
    def card_papers(self) -> Paper:
        """The reader of what goes into a card."""
        return Paper(self.services.settings)

    @cached_property
    def wechat_cards(self) -> WeChatCards:
        """The cards of WeChat's card pack."""
        return WeChatCards(self.providers, self.card_papers)
