"""Who may ask what: keys, their roles, districts and agencies, and the door of the service."""
