"""Simulated hospital APP: receives bill events and answers with receipts."""
