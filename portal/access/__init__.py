"""Who may speak to us: HIS accounts; staff accounts, roles and permissions join them with the console."""
