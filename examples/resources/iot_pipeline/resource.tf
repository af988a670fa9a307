resource "iot_pipeline" "greenhouse" {
  name = "greenhouse"

  devices = {
    "soil-001" = { attributes = { bay = "1" } } # the provider makes the key and keeps it in Parameter Store
    "soil-002" = { attributes = { bay = "2" }, enabled = false }
  }

  archive = { expire_after_days = 365 }

  alerts = {
    emails = ["ops@example.com"]
    rules = {
      dry = {
        when     = "data.humidity < 35"
        severity = "warning"
        message  = "Humidity $${data.humidity} on $${thing}"
      }
      hot = {
        when     = "data.temperature > 50"
        severity = "critical"
        command  = jsonencode({ action = "enter_safe_mode" })
      }
    }
  }

  tags = { cost-center = "4711" }
}

output "endpoint" {
  value = iot_pipeline.greenhouse.mqtt_endpoint
}

output "credentials" {
  description = "Parameters that hold the devices' certificates and keys."
  value       = { for name, device in iot_pipeline.greenhouse.identities : name => device.credentials }
}
