"""What product people read: the score at a glance and the weekly report."""
