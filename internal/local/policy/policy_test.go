package policy

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	arn = "arn:aws:iot:us-east-1:123456789012:"
	// pipelinePolicy has the shape of the policies that the provider writes.
	pipelinePolicy = `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:123456789012:client/${iot:Connection.Thing.ThingName}",
	  "Condition":{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}},
	 {"Effect":"Allow","Action":"iot:Publish","Resource":["arn:aws:iot:us-east-1:123456789012:topic/gh/${iot:Connection.Thing.ThingName}/telemetry",
	  "arn:aws:iot:us-east-1:123456789012:topic/$aws/things/${iot:Connection.Thing.ThingName}/shadow/*"]},
	 {"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:us-east-1:123456789012:topicfilter/gh/${iot:Connection.Thing.ThingName}/commands"},
	 {"Effect":"Allow","Action":"iot:Receive","Resource":"arn:aws:iot:us-east-1:123456789012:topic/gh/${iot:Connection.Thing.ThingName}/commands"}]}`
)

func statement1(effect, action, resource, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Statement":{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"` +
		condition + `}}`
}

func TestAllows(t *testing.T) {
	device := Subject{
		ClientID:    "soil-001",
		Thing:       "soil-001",
		ThingType:   "probe",
		Attributes:  map[string]string{"bay": "1"},
		SourceIP:    "10.1.2.3",
		Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "cn-1", Organization: []string{"a", "b"}}},
	}
	stranger := Subject{
		ClientID: "soil-002",
		SourceIP: "10.1.2.3",
	} // its certificate is attached to no thing of this name
	star := Subject{ClientID: "*", Thing: "*"}
	allowAll := statement1("Allow", "iot:*", "*", "")

	for _, c := range []struct {
		reason   string
		policies []string
		subject  Subject
		action   string
		resource string
		connect  []string
		want     bool
	}{
		{"a device connects as itself", []string{pipelinePolicy}, device, Connect, "client/soil-001", nil, true},
		{"a device does not connect as another", []string{pipelinePolicy}, device, Connect, "client/soil-002", nil,
			false},
		{"a certificate without the thing resolves no thing name", []string{pipelinePolicy}, stranger, Connect,
			"client/soil-002", nil, false},
		{"its own topic", []string{pipelinePolicy}, device, Publish, "topic/gh/soil-001/telemetry", nil, true},
		{"the topic of another", []string{pipelinePolicy}, device, Publish, "topic/gh/soil-002/telemetry", nil, false},
		{"its own shadow, several levels deep", []string{pipelinePolicy}, device, Publish,
			"topic/$aws/things/soil-001/shadow/name/x/update", nil, true},
		{"the commands of another", []string{pipelinePolicy}, device, Subscribe, "topicfilter/gh/soil-002/commands",
			nil, false},
		{"an MQTT wildcard is a literal in a policy", []string{pipelinePolicy}, device, Subscribe,
			"topicfilter/gh/+/commands", nil, false},
		{"publishing is not receiving", []string{pipelinePolicy}, device, Receive, "topic/gh/soil-001/telemetry", nil,
			false},
		{"a client ID that is a wildcard stays literal", []string{pipelinePolicy}, star, Publish,
			"topic/gh/soil-001/telemetry", nil, false},
		{"no policy allows nothing", nil, device, Connect, "client/soil-001", nil, false},
		{"Deny wins over Allow in another document",
			[]string{allowAll, statement1("Deny", "iot:Publish", "*/secret/*", "")}, device, Publish,
			"topic/a/secret/b", nil, false},
		{"a Deny of something else does not", []string{allowAll, statement1("Deny", "iot:Publish", "*/secret/*", "")},
			device, Publish, "topic/a/b", nil, true},
		{"? is one character, also one of several bytes",
			[]string{statement1("Allow", "iot:Publish", arn+"topic/a?c", "")}, device, Publish, "topic/aöc", nil, true},
		{"? is not two", []string{statement1("Allow", "iot:Publish", arn+"topic/a?c", "")}, device, Publish,
			"topic/abbc", nil, false},
		{"${*} is a star", []string{statement1("Allow", "iot:Publish", arn+"topic/${*}", "")}, device, Publish,
			"topic/x", nil, false},
		{"action names do not depend on case", []string{statement1("Allow", "IOT:publish", "*", "")}, device, Publish,
			"topic/x", nil, true},
		{"a certificate field", []string{statement1("Allow", "iot:Publish", arn+
			"topic/${iot:Certificate.Subject.CommonName}", "")}, device, Publish, "topic/cn-1", nil, true},
		{"the second of several values", []string{statement1("Allow", "iot:Publish", arn+
			"topic/${iot:Certificate.Subject.Organization.1}", "")}, device, Publish, "topic/b", nil, true},
		{"a thing attribute", []string{statement1("Allow", "iot:Publish", arn+
			"topic/${iot:Connection.Thing.Attributes[bay]}", "")}, device, Publish, "topic/1", nil, true},
		{"an attribute that the thing has not", []string{statement1("Allow", "iot:Publish", arn+
			"topic/${iot:Connection.Thing.Attributes[hall]}*", "")}, device, Publish, "topic/", nil, false},
		{"a condition on the address", []string{statement1("Allow", "iot:*", "*",
			`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)}, device, Publish, "topic/x", nil, true},
		{"and on another", []string{statement1("Allow", "iot:*", "*",
			`{"IpAddress":{"aws:SourceIp":["192.168.0.0/16"]}}`)}, device, Publish, "topic/x", nil, false},
		{"StringNotEquals", []string{statement1("Allow", "iot:*", "*",
			`{"StringNotEquals":{"iot:ClientId":"soil-001"}}`)}, device, Publish, "topic/x", nil, false},
		{"StringLike with a variable", []string{statement1("Allow", "iot:*", "*",
			`{"StringLike":{"iot:ClientId":"${iot:Connection.Thing.ThingName}*"}}`)}, device, Publish, "topic/x", nil,
			true},
		{"ForAllValues: within the set", []string{statement1("Allow", "iot:Connect", "*",
			`{"ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill"]}}`)}, device, Connect,
			"client/soil-001", []string{LastWill}, true},
		{"ForAllValues: one outside", []string{statement1("Allow", "iot:Connect", "*",
			`{"ForAllValues:StringEquals":{"iot:ConnectAttributes":["LastWill"]}}`)}, device, Connect,
			"client/soil-001", []string{LastWill, PersistentConnect}, false},
		{"ForAllValues: nothing asked for", []string{statement1("Allow", "iot:Connect", "*",
			`{"ForAllValues:StringEquals":{"iot:ConnectAttributes":[]}}`)}, device, Connect, "client/soil-001", nil,
			true},
		{"ForAnyValue in a Deny", []string{allowAll,
			statement1("Deny", "iot:Connect", "*",
				`{"ForAnyValue:StringEquals":{"iot:ConnectAttributes":["PersistentConnect"]}}`)}, device, Connect,
			"client/soil-001", []string{PersistentConnect}, false},
		{"ForAnyValue in a Deny that finds none", []string{allowAll,
			statement1("Deny", "iot:Connect", "*",
				`{"ForAnyValue:StringEquals":{"iot:ConnectAttributes":["PersistentConnect"]}}`)}, device, Connect,
			"client/soil-001", nil, true},
		{"an unknown operator fails an Allow", []string{statement1("Allow", "iot:*", "*",
			`{"DateLessThan":{"aws:CurrentTime":"2030-01-01"}}`)}, device, Publish, "topic/x", nil, false},
		{"an unknown operator holds for a Deny", []string{allowAll,
			statement1("Deny", "iot:*", "*", `{"DateLessThan":{"aws:CurrentTime":"2030-01-01"}}`)}, device, Publish,
			"topic/x", nil, false},
		{"IfExists without the value", []string{statement1("Allow", "iot:*", "*",
			`{"StringEqualsIfExists":{"iot:Connection.Thing.ThingTypeName":"x"}}`)}, stranger, Publish, "topic/x", nil,
			true},
		{"IfExists with another value", []string{statement1("Allow", "iot:*", "*",
			`{"StringEqualsIfExists":{"iot:Connection.Thing.ThingTypeName":"x"}}`)}, device, Publish, "topic/x", nil,
			false},
	} {
		var documents []*Document
		for _, text := range c.policies {
			d, err := Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			documents = append(documents, d)
		}
		if got := Compile(documents, c.subject).Allows(c.action, arn+c.resource, c.connect...); got != c.want {
			t.Errorf("%s: %s on %s: got %v, want %v", c.reason, c.action, c.resource, got, c.want)
		}
	}
}

func TestParseRefusesWhatItWouldHaveToIgnore(t *testing.T) {
	for text, want := range map[string]string{
		`{`: "reading policy document",
		`{"Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}`:                      "neither Allow nor Deny",
		`{"Statement":[{"Effect":"Allow","NotAction":"iot:Publish","Resource":"*"}]}`:         "NotAction",
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}`:      "Principal",
		`{"Statement":{"Effect":"Allow","Action":"*","Condition":{"Bool":{"a":{"b":true}}}}}`: "is not a scalar",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("${*}", "*")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(s) {
			return // JSON and MQTT carry valid text only
		}
		g, ok := compile(pattern, none)
		if ok && !strings.ContainsAny(pattern, "*?$") && g.match(s) != (pattern == s) {
			t.Errorf("pattern %q without wildcards and text %q", pattern, s)
		}
		if star, _ := compile("*", none); !star.match(s) {
			t.Errorf("a star does not match %q", s)
		}
	})
}

func BenchmarkAllows(b *testing.B) {
	d, err := Parse(pipelinePolicy)
	if err != nil {
		b.Fatal(err)
	}
	s := Compile([]*Document{d}, Subject{ClientID: "soil-001", Thing: "soil-001"})
	for b.Loop() {
		s.Allows(Publish, arn+"topic/gh/soil-001/telemetry")
	}
}
