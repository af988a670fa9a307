# terraform apply -invoke=action.iot_send_command.rest
action "iot_send_command" "rest" {
  config {
    pipeline   = "greenhouse"
    attributes = { bay = "1" }
    payload    = jsonencode({ action = "rest" })
  }
}
