run "quiet_when_moist" {
  command = plan

  assert {
    condition     = !output.alert && !output.route.matched
    error_message = "A humidity of 40 must not raise anything."
  }
}

run "alert_when_dry" {
  command = plan

  variables {
    payload = { data = { humidity = 12, battery = 90 } }
  }

  assert {
    condition     = output.alert
    error_message = "A humidity of 12 must raise the alert."
  }

  assert {
    condition     = jsondecode(output.route.output) == { humidity = 12, device = "soil-001" }
    error_message = "The route must give humidity and device, got ${output.route.output}."
  }
}

run "no_alert_from_a_dying_battery" {
  command = plan

  variables {
    payload = { data = { humidity = 12, battery = 3 } }
  }

  assert {
    condition     = !output.alert
    error_message = "A sensor whose battery dies measures nonsense."
  }
}
