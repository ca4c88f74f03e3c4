"""Supposed facts: changes to a project on record, and a project that is not on record, scored as if they were on file."""
