"""The HIS contract as pure code: envelope, fields, settlement, sums."""
