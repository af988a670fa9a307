output "errors" {
  value = provider::iot::sql_errors("SELECT * FORM 'greenhouse/+/telemetry'")
}
