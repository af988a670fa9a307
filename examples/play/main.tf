# What `make play` runs: a greenhouse with everything that works on one machine.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {
  region = "eu-west-1"
}

resource "iot_pipeline" "greenhouse" {
  name = "greenhouse"

  devices = { for i in range(1, 9) : format("soil-%03d", i) => { attributes = { bay = tostring(ceil(i / 4)) } } }

  processor = { batch_window_seconds = 0 } # readings are stored at once
  archive   = { measures = ["temperature", "humidity"] }
  recent    = { hours = 24 }
  metrics   = { window_seconds = 15 }

  alerts = {
    thresholds = { dry = 58 }
    rules = {
      dry    = { when = "data.humidity < threshold.dry", severity = "warning", message = "Humidity $${data.humidity} on $${thing}" }
      broken = { when = "data.temperature > 50", severity = "critical", command = jsonencode({ action = "enter_safe_mode" }) }
    }
  }

  api        = {} # devices, commands, configuration and thresholds over HTTP
  monitoring = { silence_minutes = 2 }

  force_destroy = true
}

output "greenhouse" {
  description = "Where what the devices send is kept."
  value = {
    devices         = iot_pipeline.greenhouse.device_table_name
    recent_readings = iot_pipeline.greenhouse.readings_table_name
    metrics         = iot_pipeline.greenhouse.metrics_table_name
    archive         = iot_pipeline.greenhouse.archive_bucket
  }
}
