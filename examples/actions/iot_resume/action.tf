# terraform apply -invoke=action.iot_resume.greenhouse
action "iot_resume" "greenhouse" {
  config {
    pipeline = "greenhouse"
  }
}
