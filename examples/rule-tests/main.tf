# The rules of a pipeline, tested without an AWS account: terraform test.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

locals {
  alert = "data.humidity < 35 AND data.battery > 10"
  route = "SELECT data.humidity AS humidity, topic(2) AS device FROM 'greenhouse/+/telemetry' WHERE data.humidity < 35"
}

variable "payload" {
  description = "Message to try the rules on."
  type        = any
  default     = { data = { humidity = 40, battery = 90 } }
}

output "alert" {
  value = provider::iot::sql_eval("SELECT * FROM '#' WHERE ${local.alert}", "greenhouse/soil-001/telemetry", jsonencode(var.payload)).matched
}

output "route" {
  value = provider::iot::sql_eval(local.route, "greenhouse/soil-001/telemetry", jsonencode(var.payload))
}
