"""Changes of the database: Alembic's environment, the versions, and what they share."""
