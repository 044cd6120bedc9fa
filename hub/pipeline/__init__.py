"""The path of the data, read in this order: receive, decide, deliver, respond, sync (and erase)."""
