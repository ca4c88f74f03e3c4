"""Reasons that people can read: from what each feature adds to a risk to sentences of the trade in two languages."""
