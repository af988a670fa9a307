terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

# Many small fleets. A stream on demand costs each of them 29 USD a month, idle or not; a queue costs next to nothing.
variable "fleets" {
  type = map(set(string))
  default = {
    north = ["north-001", "north-002"]
    south = ["south-001"]
  }
}

resource "iot_pipeline" "meters" {
  for_each = var.fleets

  name    = "meters-${each.key}"
  devices = { for name in each.value : name => {} }

  stream  = { mode = "queue" }
  recent  = {}
  archive = { expire_after_days = 90 }

  force_destroy = true
}

output "queues" {
  value = { for fleet, p in iot_pipeline.meters : fleet => p.queue_url }
}

# What one idle fleet costs in a month, in USD.
output "idle" {
  value = provider::iot::monthly_cost({ devices = 0, stream = { mode = "queue" } }).total
}
