"""The patients' pages, one module a subject."""
