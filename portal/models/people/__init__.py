"""Tables of staff, HIS accounts, patients, companies."""
