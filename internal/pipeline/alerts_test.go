package pipeline

func alert(r AlertRuleSpec) func(*Spec) {
	return func(s *Spec) { s.Alerts = &AlertsSpec{Rules: map[string]AlertRuleSpec{"dry": r}} }
}

func subscribed(list ...SubscriptionSpec) func(*Spec) {
	return func(s *Spec) { s.Alerts = &AlertsSpec{Subscriptions: list} }
}

var alertsMistakes = []mistake{
	{"no condition", alert(AlertRuleSpec{When: " "}), `alerts.rules["dry"].when`, []string{"condition is empty"}},
	{
		"half a condition",
		alert(AlertRuleSpec{When: "data.humidity <"}),
		`alerts.rules["dry"].when`,
		[]string{"not a valid AWS IoT SQL condition", "1:16", "^"},
	},
	{
		"no such severity",
		alert(AlertRuleSpec{When: "a > 1", Severity: ptr("Critical")}),
		`alerts.rules["dry"].severity`,
		[]string{`Did you mean "critical"?`},
	},
	{
		"half a message",
		alert(AlertRuleSpec{When: "a > 1", Message: ptr("Humidity ${data.")}),
		`alerts.rules["dry"].message`,
		[]string{"substitution template"},
	},
	{
		"half a command",
		alert(AlertRuleSpec{When: "a > 1", Command: ptr("${")}),
		`alerts.rules["dry"].command`,
		[]string{"substitution template"},
	},
	{
		"a negative cooldown",
		alert(AlertRuleSpec{When: "a > 1", CooldownSeconds: ptr(int64(-1))}),
		`alerts.rules["dry"].cooldown_seconds`,
		[]string{"between 0 and"},
	},
	{
		"a space in an alert's name",
		func(s *Spec) { s.Alerts = &AlertsSpec{Rules: map[string]AlertRuleSpec{"too dry": {When: "a > 1"}}} },
		`alerts.rules["too dry"]`,
		[]string{"hyphens and underscores"},
	},
	{
		"a threshold without value",
		alert(AlertRuleSpec{When: "a > threshold.max"}),
		`alerts.rules["dry"].when`,
		[]string{`Threshold "max" has no value`},
	},
	{
		"a threshold's name",
		func(s *Spec) { s.Alerts = &AlertsSpec{Thresholds: map[string]float64{"max-t": 1}} },
		`alerts.thresholds["max-t"]`,
		[]string{"threshold.<name>"},
	},
	{
		"not an address",
		func(s *Spec) { s.Alerts = &AlertsSpec{Emails: []string{"ops"}} },
		"alerts.emails[0]",
		[]string{"not an e-mail address"},
	},
	{
		"no such protocol",
		subscribed(SubscriptionSpec{Protocol: "e-mail", Endpoint: "a@b.c"}),
		"alerts.subscriptions[0].protocol",
		[]string{`Did you mean "email"?`},
	},
	{
		"not a queue",
		subscribed(SubscriptionSpec{Protocol: "sqs", Endpoint: "https://sqs"}),
		"alerts.subscriptions[0].endpoint",
		[]string{"the ARN of a standard queue"},
	},
	{
		"a FIFO queue",
		subscribed(SubscriptionSpec{Protocol: "sqs", Endpoint: "arn:aws:sqs:eu-west-1:123456789012:q.fifo"}),
		"alerts.subscriptions[0].endpoint",
		[]string{"FIFO"},
	},
	{
		"not a number",
		subscribed(SubscriptionSpec{Protocol: "sms", Endpoint: "0170"}),
		"alerts.subscriptions[0].endpoint",
		[]string{"phone number"},
	},
	{
		"a wrong severity",
		subscribed(SubscriptionSpec{Protocol: "email", Endpoint: "a@b.c", Severities: []string{"warn"}}),
		"alerts.subscriptions[0].severities[0]",
		[]string{`"info", "warning", "critical"`},
	},
	{"told twice", func(s *Spec) {
		s.Alerts = &AlertsSpec{
			Emails:        []string{"a@b.c"},
			Subscriptions: []SubscriptionSpec{{Protocol: "email", Endpoint: "a@b.c"}},
		}
	}, "alerts.subscriptions[0].endpoint", []string{"alerts.emails[0] has the same"}},
}
