"""Printed papers: numbered forms, slips, statements, posters."""
