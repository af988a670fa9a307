output "matches" {
  value = {
    one_level  = provider::iot::topic_matches("greenhouse/+/telemetry", "greenhouse/soil-001/telemetry")
    all_levels = provider::iot::topic_matches("greenhouse/#", "greenhouse/soil-001/telemetry")
    not_itself = provider::iot::topic_matches("greenhouse/#", "greenhouse")
  }
}
