terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

# Region and credentials come from the environment, as for every AWS tool.
provider "iot" {}

resource "iot_pipeline" "minimal" {
  name = "minimal"
  devices = {
    "soil-001" = {}
  }
}

output "mqtt_endpoint" {
  value = iot_pipeline.minimal.mqtt_endpoint
}
