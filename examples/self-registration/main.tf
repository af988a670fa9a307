# Devices that register themselves: with one claim certificate for all that leave the factory, or with certificates of
# the manufacturer's own authority.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

variable "force_destroy" {
  description = "Whether terraform destroy may remove devices that have registered."
  type        = bool
  default     = false
}

resource "iot_pipeline" "field" {
  name          = "field"
  topic_prefix  = "acme/field"
  force_destroy = var.force_destroy

  # Devices that are described, beside those that register.
  devices = {
    "gateway-1" = {}
  }

  provisioning = {
    claim = {
      thing_name_prefix = "probe-"
      attributes        = ["site"] # from the allow-list or else from the device
    }
    jitp = {
      ca_certificate_pem = file("${path.module}/device-ca.pem")
    }
  }

  archive = { enabled = false }
}

output "registration" {
  description = "Where the claim certificate is, which template devices use, and the table of the serials that may register."
  value       = iot_pipeline.field.registration
}

output "registered_devices" {
  value = iot_pipeline.field.registered_devices_count
}
