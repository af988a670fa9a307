resource "iot_pipeline" "house" {
  name    = "house"
  devices = { "soil-001" = {} }

  alerts = {
    emails = ["ops@example.com"]
    rules  = { dry = { when = "data.humidity < 35" } }
  }

  influxdb = {
    url              = "https://influxdb.example.com:8086"
    organization     = "farm"
    token_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:influxdb-token-AbCdEf"
  }
}

locals {
  dashboard = provider::iot::grafana_dashboard({
    pipeline    = iot_pipeline.house
    datasources = { cloudwatch = "house-cloudwatch", influxdb = "house-influxdb" }
    measures    = ["temperature", "humidity"]
  })
}

# For an import by hand: terraform output -raw dashboard_json > house.json
output "dashboard_json" {
  value = local.dashboard
}

output "dashboard_panels" {
  value = [for panel in jsondecode(local.dashboard).panels : panel.title if panel.type != "row"]
}
