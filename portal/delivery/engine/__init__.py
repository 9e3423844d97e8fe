"""The delivery engine: deliveries, attempts, results, receipts."""
