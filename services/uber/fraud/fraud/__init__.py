"""How likely an order is not meant honestly."""
