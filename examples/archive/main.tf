# Everything that devices sent, as a table for Athena, QuickSight and Grafana, and one object per message nowhere.

terraform {
  required_providers {
    iot = {
      source = "iot-pipeline/iot"
    }
  }
}

provider "iot" {}

variable "force_destroy" {
  description = "Whether terraform destroy may delete the archive."
  type        = bool
  default     = false
}

resource "iot_pipeline" "orchard" {
  name          = "orchard"
  force_destroy = var.force_destroy

  devices = {
    "tree-001" = { attributes = { row = "1" } }
    "tree-002" = { attributes = { row = "2" } }
  }

  archive = {
    measures                       = ["temperature", "soil.moisture"] # columns of the view "readings"
    buffer_seconds                 = 300                              # the archive is as old as this
    scan_limit_gb                  = 20                               # of one query
    intelligent_tiering_after_days = 30
    expire_after_days              = 1825
  }
}

output "athena" {
  description = "Where to query: SELECT * FROM <database>.readings in this workgroup."
  value = {
    workgroup = iot_pipeline.orchard.archive_workgroup
    database  = iot_pipeline.orchard.archive_database
    table     = iot_pipeline.orchard.archive_table
  }
}

# Attach it to the role of Grafana or QuickSight, as an aws_iam_policy.
output "reader_policy" {
  value = iot_pipeline.orchard.archive_reader_policy_json
}
