terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

# A gateway in a plant speaks for the sensors behind it: gw-1:press-1 and so on. It runs iot-edge with its own credentials;
# the rules reach it through its shadow.
resource "iot_pipeline" "plant" {
  name = "plant"

  # Sensors that are not described here can send as well; the gateway decides who may connect to it.
  devices = {
    "gw-1"         = { gateway = {} }
    "gw-1:press-1" = { attributes = { hall = "2" } }
    "gw-1:valve"   = {}
  }

  edge = {
    rules = {
      # Ten readings a second become one message a minute.
      per_minute = {
        sql    = "SELECT * FROM 'plant/+/telemetry' WHERE NOT isUndefined(data.pressure)"
        window = { seconds = 60, aggregates = ["min", "max", "average"] }
      }

      # States are forwarded when they change, and once an hour.
      states = {
        sql    = "SELECT * FROM 'plant/+/telemetry' WHERE NOT isUndefined(data.door)"
        report = { dead_band = { "*" = { absolute = 0 } }, at_least_every_seconds = 3600 }
      }

      # The valve opens at once, whether the plant has a connection or not.
      overpressure = {
        sql    = "SELECT * FROM 'plant/+/telemetry' WHERE data.pressure > 8"
        action = "alert"
        alert  = { clear_when = "data.pressure < 6" }
        command = {
          child           = "$${clientid()}:valve"
          payload         = jsonencode({ position = "open" })
          cleared_payload = jsonencode({ position = "closed" })
        }
      }
    }
  }

  force_destroy = true
}

# The settings, for gateways that are not described: the member "settings" of their files.
output "settings" {
  value = iot_pipeline.plant.edge_settings_json
}
