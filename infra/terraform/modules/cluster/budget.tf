# The budget is the account's: a filter by tag shows nothing until somebody has made that tag a cost allocation tag, and a
# budget that shows nothing never tells. Budgets lag by hours; the caps on nodes are what bounds a bill.

resource "aws_budgets_budget" "account" {
  name         = "${var.name}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = [{ type = "ACTUAL", percent = 50 }, { type = "ACTUAL", percent = 80 }, { type = "FORECASTED", percent = 100 }]
    content {
      notification_type          = notification.value.type
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      comparison_operator        = "GREATER_THAN"
      subscriber_email_addresses = var.budget_emails
    }
  }
}

locals {
  usd_per_hour = {
    head        = var.prices.usd_per_hour[var.head_instance_type]
    nat_gateway = var.prices.nat_gateway
    teacher     = var.prices.usd_per_hour[var.teacher_instance_type]
    verifier    = var.prices.usd_per_hour[var.verifier_instance_type]
  }
  max_hourly_cost_usd = (
    local.usd_per_hour.head + local.usd_per_hour.nat_gateway
    + local.teacher_max_nodes * local.usd_per_hour.teacher
    + var.verifier_max_nodes * local.usd_per_hour.verifier
  )
}
