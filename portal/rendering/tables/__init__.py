"""Spreadsheets: lists out, forms to fill in."""
