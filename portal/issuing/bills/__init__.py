"""Bills: issue (开具), reversal (冲红), booking (入账)."""
