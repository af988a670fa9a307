# Devices from a spreadsheet: one line each.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

locals {
  rows = csvdecode(file("${path.module}/devices.csv"))
}

resource "iot_pipeline" "farm" {
  name         = "farm"
  topic_prefix = "acme/farm"

  devices = {
    for row in local.rows : row.name => {
      attributes = { bay = row.bay, model = row.model }
      enabled    = row.enabled == "yes"
    }
  }

  archive = { enabled = false }
}

output "credentials" {
  value = { for name, device in iot_pipeline.farm.identities : name => device.credentials }
}
