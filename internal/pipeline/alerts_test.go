package pipeline

func alert(r AlertRuleSpec) func(*Spec) {
	return func(s *Spec) { s.Alerts = &AlertsSpec{Rules: map[string]AlertRuleSpec{"dry": r}} }
}

func subscribed(list ...SubscriptionSpec) func(*Spec) {
	return func(s *Spec) { s.Alerts = &AlertsSpec{Subscriptions: list} }
}

// inStream evaluates an alert in the processor.
func inStream(r AlertRuleSpec, more ...func(*Spec)) func(*Spec) {
	return func(s *Spec) {
		alert(r)(s)
		s.Alerts.Evaluate = ptr("stream")
		for _, change := range more {
			change(s)
		}
	}
}

var alertsMistakes = []mistake{
	{"no such evaluation", func(s *Spec) { alert(AlertRuleSpec{When: "a > 1"})(s); s.Alerts.Evaluate = ptr("streams") },
		"alerts.evaluate", []string{`"streams" is not one of "rule", "stream"`}},
	{"what only a rule knows", inStream(AlertRuleSpec{When: "clientid() = 'x' AND a > 1"}), `alerts.rules["dry"].when`,
		[]string{"Only a topic rule can answer clientid()", `alerts.evaluate = "rule"`}},
	{"what only a rule knows, in a query", inStream(AlertRuleSpec{When: "EXISTS (SELECT VALUE principal() FROM list)"}),
		`alerts.rules["dry"].when`, []string{"principal()"}},
	{"a function that calls another service", inStream(AlertRuleSpec{
		When: "get_thing_shadow(thing, 'arn:aws:iam::123456789012:role/r').a > 1"}), `alerts.rules["dry"].when`,
		[]string{"get_thing_shadow()"}},
	{"a message with what only a rule knows", inStream(AlertRuleSpec{When: "a > 1", Message: ptr("from ${sourceip()}")}),
		`alerts.rules["dry"].message`, []string{"sourceip()"}},
	{"a command with what only a rule knows", inStream(AlertRuleSpec{When: "a > 1", Command: ptr("{\"a\":\"${traceid()}\"}")}),
		`alerts.rules["dry"].command`, []string{"traceid()"}},
	{"a stream that holds something else", inStream(AlertRuleSpec{When: "a > 1"}, selecting(`{"select":"a"}`)),
		"alerts.evaluate", []string{"telemetry.select", "what devices send"}},
	{"a stream that holds not all", inStream(AlertRuleSpec{When: "a > 1"}, selecting(`{"where":"a > 1"}`)),
		"alerts.evaluate", []string{"telemetry.where"}},
	{"a processor of one's own", inStream(AlertRuleSpec{When: "a > 1"}, func(s *Spec) {
		s.Processor = &ProcessorSpec{Package: ptr("own.zip")}
	}), "alerts.evaluate", []string{"processor.package", "replaces the function"}},
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
