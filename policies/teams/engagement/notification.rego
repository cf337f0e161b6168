package mesh.teams.engagement

# METADATA
# title: An inbox is read by its owner
needs contains {"service": "uber-notification", "operation": "accounts.verify-token"}

# METADATA
# title: Critical services may tell people what happened
grants contains {"operation": "uber-notification.send", "caller": {"tier": "critical"}}

# METADATA
# title: A rider reads what she was told
# description: Personal data, so each receiver is named.
grants contains {"operation": "uber-notification.list", "caller": {"service": "rider-app"}}
