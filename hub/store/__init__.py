"""The truth: tables and queries on SQLite and PostgreSQL."""
