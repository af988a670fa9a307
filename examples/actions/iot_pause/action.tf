# terraform apply -invoke=action.iot_pause.alerts
action "iot_pause" "alerts" {
  config {
    pipeline = "greenhouse"
    rules    = ["alerts"]
  }
}
