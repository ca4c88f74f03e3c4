"""Every answer is remembered before it leaves: what was said to whom, from which records, by which model."""
