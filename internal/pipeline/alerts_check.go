package pipeline

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

const (
	// maxWhere keeps the alerts rule, of which its conditions are the most, well below AWS's 256 KB for a rule
	// [AWS 1.3 topic rules] and the SQL engine's 128 KB.
	maxWhere = 100 << 10
	// maxRulesDocument keeps the rules below DynamoDB's 400 KB for an item [AWS 7.1].
	maxRulesDocument = 350 << 10
)

var (
	alertPattern     = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	thresholdPattern = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`)
	phonePattern     = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
)

func (c *checker) checkAlerts(config Spec) {
	a := config.Alerts
	if a == nil {
		return
	}
	c.key("alerts.kms_key_id", a.KMSKeyID)
	c.choice("alerts.evaluate", a.Evaluate, AlertEvaluations)
	if c.known("alerts.evaluate") && deref(a.Evaluate) == EvaluateInStream {
		c.checkAlertsInStream(config)
	}
	used, sound := c.checkAlertRules(a)
	c.checkThresholds(a, used, sound)
	c.checkSubscriptions(a)
	if sound {
		c.checkAlertSizes(config)
	}
}

// checkAlertRules gives the thresholds that conditions and texts use, and whether all conditions are known and right.
func (c *checker) checkAlertRules(a *AlertsSpec) (used map[string]string, sound bool) {
	used, sound = map[string]string{}, true
	for _, key := range sortedKeys(a.Rules) {
		r, path := a.Rules[key], at("alerts.rules", key)
		if !alertPattern.MatchString(key) {
			c.fail(path, fmt.Sprintf("Alert name %s is not valid", excerpt(key)),
				"It becomes an attribute of notifications and part of a key: 1 to 64 letters, digits, hyphens and "+
					"underscores.")
		}
		before := len(c.problems)
		for _, name := range c.condition(path+".when", r.When) {
			used[name] = path + ".when"
		}
		sound = sound && c.known(path+".when") &&
			!slices.ContainsFunc(c.problems[before:], func(p Problem) bool { return !p.Warning })
		c.choice(path+".severity", r.Severity, AlertSeverities)
		if r.Message != nil {
			c.template(path+".message", *r.Message, bindings...)
		}
		if r.Command != nil {
			c.checkCommand(path+".command", *r.Command)
		}
		c.number(path+".cooldown_seconds", r.CooldownSeconds, AlertCooldownSeconds)
	}
	return used, sound
}

// checkCommand warns of a command that the alert handler cannot protect: one that looks like JSON but is sent as plain
// text, or whose keys the device chooses. Neither is an error, since the command may be meant as it is.
func (c *checker) checkCommand(path, text string) {
	t := c.template(path, text, bindings...)
	if t == nil {
		return
	}
	document, err := t.JSON()
	switch start := strings.TrimSpace(text); {
	case err == nil:
		if warnings := document.Warnings(); len(warnings) > 0 {
			c.warn(path, "This command's keys may not be what you intend", "%s", diagnostics(warnings))
		}
	case strings.HasPrefix(start, "{") || strings.HasPrefix(start, "["):
		var list iotsql.ErrorList
		if errors.As(err, &list) {
			c.warn(path, "This command looks like JSON but is not", "%s\n\nIt is sent as plain text: values are "+
				"inserted as they are, so a value from the device can change the rest of the command. In JSON, an "+
				"expression is either a whole value or inside a string.", diagnostics(list))
		}
	}
}

func (c *checker) checkThresholds(a *AlertsSpec, used map[string]string, sound bool) {
	if !c.known("alerts.thresholds") {
		return
	}
	for _, name := range sortedKeys(a.Thresholds) {
		path := at("alerts.thresholds", name)
		if !thresholdPattern.MatchString(name) {
			c.fail(path, fmt.Sprintf("Threshold name %s is not valid", excerpt(name)),
				"Conditions use it as threshold.<name>: letters, digits and underscores, and no digit first.")
		} else if sound && used[name] == "" {
			c.warn(path, fmt.Sprintf("Threshold %q is not used", name),
				"No condition mentions threshold.%s. Remove it, or look for a name that is spelled differently.", name)
		}
	}
	for _, name := range sortedKeys(used) {
		if _, given := a.Thresholds[name]; !given {
			c.fail(used[name], fmt.Sprintf("Threshold %q has no value", name),
				"The condition uses threshold.%s, and alerts.thresholds has no such name, so that the condition could "+
					"never hold.%s Add a default; operators may override it later.", name,
				didYouMean(name, sortedKeys(a.Thresholds)))
		}
	}
}

// AlertProtocols are the values of alerts.subscriptions[*].protocol.
var AlertProtocols = Choice{Values: sortedKeys(protocols)}

// protocols are those of SNS that take a standard topic and need no role; each with what its endpoint is.
var protocols = map[string]struct {
	is    string
	valid func(string) bool
}{
	"email":       {"an e-mail address", isEmail},
	"email-json":  {"an e-mail address", isEmail},
	"sms":         {"a phone number such as +491701234567", phonePattern.MatchString},
	"sqs":         {"the ARN of a standard queue", isARN("sqs", "")},
	"lambda":      {"the ARN of a function", isARN("lambda", "function:")},
	"application": {"the ARN of a mobile endpoint", isARN("sns", "endpoint/")},
	"http":        {"a URL that starts with http://", isURL("http")},
	"https":       {"a URL that starts with https://", isURL("https")},
}

func (c *checker) checkSubscriptions(a *AlertsSpec) {
	seen := map[string]string{}
	for i, address := range a.Emails {
		path := item("alerts.emails", i)
		if c.known(path) {
			c.checkSubscription(path, path, SubscriptionSpec{Protocol: "email", Endpoint: address}, seen)
		}
	}
	for i, s := range a.Subscriptions {
		path := item("alerts.subscriptions", i)
		if c.known(path+".protocol") && c.known(path+".endpoint") {
			c.checkSubscription(path, path+".endpoint", s, seen)
		}
		for j, severity := range s.Severities {
			c.choice(item(path+".severities", j), &severity, AlertSeverities)
		}
	}
}

func (c *checker) checkSubscription(path, endpointPath string, s SubscriptionSpec, seen map[string]string) {
	p, ok := protocols[s.Protocol]
	switch {
	case !ok:
		c.choice(path+".protocol", &s.Protocol, AlertProtocols)
		return
	case strings.HasSuffix(s.Endpoint, ".fifo"):
		c.fail(endpointPath, "A FIFO queue cannot receive alerts",
			"The alert topic is a standard topic, and SNS delivers those to standard queues only. Use a queue whose "+
				"name does not end in .fifo.")
	case !p.valid(s.Endpoint):
		c.fail(endpointPath, "The subscription's endpoint is not valid", "%s is not %s, which protocol %q needs.",
			excerpt(s.Endpoint), p.is, s.Protocol)
	}
	key := subscriptionKey(s)
	if other, twice := seen[key]; twice {
		c.fail(endpointPath, "The same subscription is written twice",
			"%s has the same protocol and endpoint, and SNS keeps one subscription for both. Remove one.", other)
	}
	seen[key] = path
}

func isEmail(s string) bool {
	address, err := mail.ParseAddress(s)
	return err == nil && address.Address == s
}

func isURL(scheme string) func(string) bool {
	return func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && u.Scheme == scheme && u.Host != ""
	}
}

func isARN(service, resource string) func(string) bool {
	return func(s string) bool {
		fields := strings.SplitN(s, ":", 6)
		return len(fields) == 6 && fields[0] == "arn" && fields[2] == service && fields[3] != "" &&
			len(fields[4]) == 12 &&
			strings.HasPrefix(fields[5], resource) &&
			len(fields[5]) > len(resource)
	}
}

// checkAlertSizes measures what is made of all rules together.
func (c *checker) checkAlertSizes(config Spec) {
	b := newBuilder(config, Env{})
	where, err := alertWhere(b.config.Alerts.Rules, b.thingLevel())
	if err == nil && len(where) > maxWhere {
		c.fail("alerts.rules", "The alert conditions are too long",
			"Together they have %d characters and a rule holds about %d. Shorten them or split the pipeline.",
			len(where), maxWhere)
	}
	document, err := b.rulesDocument()
	if size := len(document); err == nil && size > maxRulesDocument {
		c.fail("alerts.rules", "The alert rules are too large",
			"Together with messages and commands they take %d bytes and a DynamoDB item holds about %d. Shorten them "+
				"or split the pipeline.", size, maxRulesDocument)
	}
}
