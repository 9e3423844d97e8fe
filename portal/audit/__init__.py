"""Who did what: one row per act and per reveal of personal data, append-only in the database."""
