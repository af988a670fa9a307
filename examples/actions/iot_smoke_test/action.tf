# terraform apply -invoke=action.iot_smoke_test.greenhouse
action "iot_smoke_test" "greenhouse" {
  config {
    pipeline = "greenhouse"
  }
}
