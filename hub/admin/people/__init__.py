"""Customers: found, told about, brought in, exported, erased, never mailed again."""
