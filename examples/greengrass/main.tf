terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

variable "iot_edge" {
  description = "Zips of iot-edge from the release, by architecture"
  type        = map(string)
  default     = { arm64 = "iot-edge_linux_arm64.zip" }
}

# The pipeline brings iot-edge to its gateways as a component of AWS IoT Greengrass V2. A new release is a new version of
# the component, and reaches two gateways a minute at first.
resource "iot_pipeline" "plant" {
  name    = "plant"
  devices = { "gw-1" = { gateway = {} }, "gw-2" = { gateway = {} } }

  edge = {
    greengrass = {
      artifacts = var.iot_edge
      rollout   = { maximum_per_minute = 20, start_per_minute = 2, abort_percent = 10 }
    }

    rules = {
      # Ten readings a second become one message a minute.
      per_minute = {
        sql    = "SELECT * FROM 'plant/+/telemetry' WHERE NOT isUndefined(data.pressure)"
        window = { seconds = 60, aggregates = ["min", "max", "average"] }
      }
    }
  }

  force_destroy = true
}

# What the nucleus of a gateway is configured with.
output "greengrass" {
  value = iot_pipeline.plant.greengrass
}
