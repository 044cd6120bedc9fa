"""From an invitation to the mail a customer reads: addresses, words, templates, MIME."""
