terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

# Region and credentials come from the environment, as for every AWS tool.
provider "iot" {}

resource "iot_pipeline" "barn" {
  name = "barn"
  devices = {
    "soil-001" = {}
    "soil-002" = {}
  }

  # Each address must confirm once.
  alerts = { emails = ["ops@example.com"] }

  # People hear of a device that has sent nothing for 15 minutes, and of its return.
  # Alarms on the pipeline itself reach them as well, here only once ten dead letters have come together.
  monitoring = {
    silence_minutes = 15
    alarms = {
      dead_letters = { threshold = 10 }
      no_telemetry = { enabled = true, threshold = 60 }
    }
  }
}

output "alert_topic_arn" {
  value = iot_pipeline.barn.alert_topic_arn
}
