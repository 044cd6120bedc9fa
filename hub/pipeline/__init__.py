"""The path of the data, read in this order: receive, read, decide, deliver, respond, sync (and report, erase)."""
