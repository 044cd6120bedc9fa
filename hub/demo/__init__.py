"""`hub demo`: the real hub with invented customers, a mailbox and a stand-in for Segment, all on this machine."""
