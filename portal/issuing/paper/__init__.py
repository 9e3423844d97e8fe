"""Numbered paper: exchange (换开), printing, notice slips, kiosks."""
