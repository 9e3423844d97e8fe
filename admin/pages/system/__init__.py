"""系统管理: users, roles, parameters, log."""
