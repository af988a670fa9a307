# Devices from a file, one line each: a fleet of any size. The state holds a digest and counts, not the devices.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

resource "iot_pipeline" "farm" {
  name         = "farm"
  topic_prefix = "acme/farm"

  devices_from = {
    file   = "${path.module}/devices.csv"
    report = "${path.module}/planned-devices.csv" # every device that the plan touches
  }

  # A bucket takes many more writes per second than Parameter Store. From 21 devices on it is the default.
  # A higher certificate_version gives every device another key and certificate beside the one that it has.
  credentials = { store = "s3", certificate_version = 1 }

  archive = { enabled = false }
}

output "devices" {
  value = iot_pipeline.farm.fleet.devices
}

# Where a device's credentials are: a name with {thing} in it.
output "credentials_of_soil_001" {
  value = replace(iot_pipeline.farm.naming.credentials, "{thing}", "soil-001")
}
