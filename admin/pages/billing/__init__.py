"""开票管理: bills, manual issue, reversal, paper, vouchers."""
