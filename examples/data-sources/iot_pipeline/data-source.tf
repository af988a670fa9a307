data "iot_pipeline" "greenhouse" {
  name = "greenhouse"
}

# An analyst's role, in a configuration of its own, may query the archive.
output "archive_reader_policy" {
  value = data.iot_pipeline.greenhouse.archive_reader_policy_json
}
