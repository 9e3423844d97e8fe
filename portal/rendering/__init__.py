"""Frozen data in, bytes out: XML, PDF, PNG, QR; the forms of the faces."""
