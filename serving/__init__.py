"""Floor 3: the service, the command line, and what they share."""
