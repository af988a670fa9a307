# Readings of the last two days in a DynamoDB table, and the policy document that lets an application query it.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

resource "iot_pipeline" "sensors" {
  name    = "sensors"
  devices = { "sensor-42" = {} }
  recent  = { hours = 48 }
}

output "readings_table_name" {
  value = iot_pipeline.sensors.readings_table_name
}

# Attach it to the role of the application.
output "recent_reader_policy_json" {
  value = iot_pipeline.sensors.recent_reader_policy_json
}
