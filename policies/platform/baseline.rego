# METADATA
# title: What the platform allows without need and grant
# description: |
#   Empty as shipped: each edge is agreed by two teams. To allow one for the whole mesh, add a rule to the
#   mesh directory's own policies/platform/, such as
#
#     allow contains {"service": service.name, "operation": "status.report"} if {
#         some service in data.catalog.services
#     }
#
#   The baseline can only allow, and guardrails refuse its edges as they refuse any other.
package mesh.platform.baseline
