# The devices of bay 1 that have never sent anything
data "iot_devices" "missing" {
  pipeline   = "greenhouse"
  status     = "never_seen"
  attributes = { bay = "1" }
}

output "missing" {
  value = data.iot_devices.missing.names
}
