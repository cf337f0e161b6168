package mesh.teams.money

# METADATA
# title: Orders charge rides
# description: By name. Refunds and balances are granted to nobody yet.
grants contains {"operation": "payment.charge", "caller": {"service": "orders"}}
