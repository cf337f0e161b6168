package mesh.teams.rides

# METADATA
# title: An order belongs to who is signed in
needs contains {"service": "orders", "operation": "accounts.verify-token"}

# METADATA
# title: An order needs a price
needs contains {"service": "orders", "operation": "fare.get-estimate"}

# METADATA
# title: An order is looked at before it is accepted
needs contains {"service": "orders", "operation": "fraud.assess"}

# METADATA
# title: An order holds a driver until it ends
needs contains {"service": "orders", "operation": operation} if {
	some operation in ["drivers.reserve", "drivers.release"]
}

# METADATA
# title: A matched order is paid
needs contains {"service": "orders", "operation": "payment.charge"}

# METADATA
# title: Rider and driver are told
# description: From a queue of our own; an order goes on while nobody can be told.
needs contains {"service": "orders", "operation": "uber-notification.send", "optional": true}

# METADATA
# title: Riders' apps place and follow orders
grants contains {"operation": operation, "caller": {"service": "rider-app"}} if {
	some operation in ["orders.create", "orders.get"]
}
