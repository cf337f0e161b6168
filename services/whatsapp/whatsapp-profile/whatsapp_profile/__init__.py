"""What people tell about themselves."""
