# A pipeline that forwards what is urgent to a web service, with a token that Terraform does not keep.

terraform {
  required_version = ">= 1.11" # OpenTofu 1.11 too: write-only arguments
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

variable "webhook_url" {
  description = "Where messages go. AWS IoT sends it a confirmation request first."
  type        = string
  default     = "https://hooks.example.com/coop"
}

# An ephemeral value is in no plan and no state. Set TF_VAR_webhook_token, or take it from an ephemeral resource.
variable "webhook_token" {
  description = "Token for the web service."
  type        = string
  sensitive   = true
  ephemeral   = true
}

resource "iot_pipeline" "coop" {
  name    = "coop"
  devices = { "door-001" = {}, "door-002" = {} }

  routes = {
    doors = {
      sql = "SELECT *, topic(2) AS door FROM 'coop/+/telemetry' WHERE data.open = true"
      http = {
        url = var.webhook_url
        http_header = [
          { key = "x-source", value = "coop" },
          # A new token needs a new version: Terraform cannot see that a write-only value has changed.
          { key = "authorization", value_wo = "Bearer ${var.webhook_token}", value_wo_version = 1 },
        ]
      }
    }
  }
}
