package topic

import "testing"

func TestParseProvisioning(t *testing.T) {
	for _, c := range []struct {
		why, name string
		want      Provisioning
		ok        bool
	}{
		{"keys made by AWS", "$aws/certificates/create/json", Provisioning{Operation: CreateKeys, Format: "json"},
			true},
		{"the answer", "$aws/certificates/create/json/accepted",
			Provisioning{Operation: CreateKeys, Format: "json", Answer: "accepted"}, true},
		{"the device's own key, in CBOR", "$aws/certificates/create-from-csr/cbor",
			Provisioning{Operation: CreateFromCSR, Format: "cbor"}, true},
		{"a thing", "$aws/provisioning-templates/gh/provision/json",
			Provisioning{Operation: Provision, Template: "gh", Format: "json"}, true},
		{"a refusal", "$aws/provisioning-templates/gh/provision/json/rejected",
			Provisioning{Operation: Provision, Template: "gh", Format: "json", Answer: "rejected"}, true},
		{"no template", "$aws/provisioning-templates//provision/json", Provisioning{}, false},
		{"a wildcard is a filter's", "$aws/provisioning-templates/+/provision/json", Provisioning{}, false},
		{"another operation on a template", "$aws/provisioning-templates/gh/delete/json", Provisioning{}, false},
		{"another operation on certificates", "$aws/certificates/delete/json", Provisioning{}, false},
		{"a format that AWS does not have", "$aws/certificates/create/xml", Provisioning{}, false},
		{"an answer that AWS does not give", "$aws/certificates/create/json/perhaps", Provisioning{}, false},
		{"a level too many", "$aws/certificates/create/json/accepted/x", Provisioning{}, false},
		{"an empty answer", "$aws/certificates/create/json/", Provisioning{}, false},
		{"no format", "$aws/certificates/create", Provisioning{}, false},
		{"registered certificates are another API", "$aws/events/certificates/registered/ca", Provisioning{}, false},
		{"an ordinary topic", "gh/a/telemetry", Provisioning{}, false},
	} {
		if got, ok := ParseProvisioning(c.name); got != c.want || ok != c.ok {
			t.Errorf("%s: %s: got %+v, %v, want %+v, %v", c.why, c.name, got, ok, c.want, c.ok)
		}
	}
}
