"""What people's phones are woken up for."""
