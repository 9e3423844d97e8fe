"""交付管理: notices to patients."""
