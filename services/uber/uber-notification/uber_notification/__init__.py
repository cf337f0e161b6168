"""What riders and drivers are told."""
