"""Manual issue (手工开票) and batches: what a person types, checked and issued."""
