"""States of bills, deliveries, stock documents and approvals, with their words."""
