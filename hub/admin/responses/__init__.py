"""Answers of customers: found, exported, seen one by one."""
