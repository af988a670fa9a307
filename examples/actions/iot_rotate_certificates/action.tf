# terraform apply -invoke=action.iot_rotate_certificates.issue
action "iot_rotate_certificates" "issue" {
  config {
    pipeline = "greenhouse"
    step     = "issue"
    all      = true
  }
}

# When the devices have fetched their credentials:
# terraform apply -invoke=action.iot_rotate_certificates.retire
action "iot_rotate_certificates" "retire" {
  config {
    pipeline = "greenhouse"
    step     = "retire"
    all      = true
  }
}
