"""Real stores for the tests of Python services."""
