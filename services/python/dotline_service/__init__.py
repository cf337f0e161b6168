"""What the Python services of the example products share: see services/README.md."""
