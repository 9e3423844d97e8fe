"""Four-eyes approvals (复核): the request, the decision, and the acts that run when a second person agrees."""
