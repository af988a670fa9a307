# A pipeline with a Timestream for InfluxDB instance of its own, in private subnets. AWS takes about 20 minutes for it.

terraform {
  required_providers {
    iot = { source = "iot-pipeline/iot" }
  }
}

provider "iot" {
  region = "eu-west-1"
}

variable "force_destroy" {
  description = "Whether a destroy deletes the time series as well."
  type        = bool
  default     = false
}

variable "subnet_ids" {
  description = "Subnets with a way to DynamoDB, S3, SQS and Secrets Manager."
  type        = list(string)
  default     = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
}

variable "security_group_ids" {
  description = "A group that lets its members reach each other on port 8086, and everything on port 443."
  type        = list(string)
  default     = ["sg-0123456789abcdef0"]
}

resource "iot_pipeline" "greenhouse" {
  name    = "greenhouse"
  devices = { "soil-001" = {}, "soil-002" = {} }

  influxdb = {
    instance = {
      type               = "db.influx.medium"
      storage_gb         = 20
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
    vpc = {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  # An outage of the database loses nothing that the stream still holds.
  stream    = { retention_hours = 72 }
  processor = { max_retries = -1 }

  force_destroy = var.force_destroy
}

output "influxdb_url" {
  description = "Where dashboards find the time series."
  value       = iot_pipeline.greenhouse.influxdb_url
}
