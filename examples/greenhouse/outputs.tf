output "mqtt_endpoint" {
  description = "Host that devices connect to."
  value       = iot_pipeline.greenhouse.mqtt_endpoint
}

output "topics" {
  description = "Topics of a device."
  value       = iot_pipeline.greenhouse.topics
}

output "credentials" {
  description = "Parameters that hold the devices' certificates, and their keys if the provider generated them."
  value       = { for name, device in iot_pipeline.greenhouse.identities : name => device.credentials }
}

output "archive_bucket" {
  description = "Bucket with the archive."
  value       = iot_pipeline.greenhouse.archive_bucket
}
