locals {
  rule = "SELECT temperature AS t, topic(2) AS device FROM 'greenhouse/+/telemetry' WHERE temperature > 30"
}

output "hot" {
  value = provider::iot::sql_eval(local.rule, "greenhouse/soil-001/telemetry", jsonencode({ temperature = 31 }))
}

output "mild" {
  value = provider::iot::sql_eval(local.rule, "greenhouse/soil-001/telemetry", jsonencode({ temperature = 21 }))
}

output "who" {
  value = provider::iot::sql_eval("SELECT clientid() AS client FROM '#'", "any", "{}", { client_id = "soil-001" })
}
