# terraform apply -invoke=action.iot_redrive_dead_letters.look
action "iot_redrive_dead_letters" "look" {
  config {
    pipeline = "greenhouse"
    dry_run  = true
  }
}

# terraform apply -invoke=action.iot_redrive_dead_letters.repaired
action "iot_redrive_dead_letters" "repaired" {
  config {
    pipeline    = "greenhouse"
    reasons     = ["not_json"]
    after       = "2026-01-01T00:00:00Z"
    destination = "stream"
  }
}
