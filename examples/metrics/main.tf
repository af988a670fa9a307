# Statistics of each device's measures, a minute old: for dashboards and for rules that need more than one message.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

resource "iot_pipeline" "orchard" {
  name = "orchard"
  devices = {
    "mast-1" = {}
    "mast-2" = {}
  }

  metrics = {
    window_seconds = 60
    measures       = ["temperature", "wind.speed", "irrigating"]
    keep_days      = 90
  }

  archive = { enabled = false }
}

# What a dashboard reads, and the policy that allows it to.
output "metrics_table_name" {
  value = iot_pipeline.orchard.metrics_table_name
}

output "metrics_reader_policy_json" {
  value = iot_pipeline.orchard.metrics_reader_policy_json
}

# The Glue database whose table "metrics" Athena and QuickSight read.
output "metrics_database" {
  value = iot_pipeline.orchard.metrics_database
}
