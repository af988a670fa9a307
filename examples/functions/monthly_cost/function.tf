locals {
  fleet = { devices = 1000, interval_seconds = 60, message_bytes = 1024 }

  by_default = provider::iot::monthly_cost(local.fleet)

  cheapest = provider::iot::monthly_cost(merge(local.fleet, {
    basic_ingest = true
    processor    = { batch_size = 10000, batch_window_seconds = 300 }
    stream       = { mode = "provisioned", shards = 1 }
  }))
}

output "usd_per_month" {
  value = { by_default = local.by_default.total, cheapest = local.cheapest.total }
}

output "most_expensive" {
  value = [for item in local.by_default.items : item.name if item.cost > 0.2 * local.by_default.total]
}

# The plan warns if it costs too much.
check "budget" {
  assert {
    condition     = local.cheapest.total < 100
    error_message = "The pipeline costs ${local.cheapest.total} USD per month, and the budget is 100."
  }
}
