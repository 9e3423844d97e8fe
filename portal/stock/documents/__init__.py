"""The stock's documents: applications, receipts, hand-outs, returns, voids, destructions."""
