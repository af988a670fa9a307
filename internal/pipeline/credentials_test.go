package pipeline

import (
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

var credentialsMistakes = []mistake{
	{
		"no such store",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Store: ptr("SSM")} },
		"credentials.store",
		[]string{`Did you mean "ssm"?`},
	},
	{
		"a path without a slash",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Path: ptr("keys")} },
		"credentials.path",
		[]string{"starts with a slash"},
	},
	{
		"AWS's path",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Path: ptr("/aws/keys")} },
		"credentials.path",
		[]string{"reserves names"},
	},
	{
		"a space in a secret's name",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Store: ptr("secretsmanager"), Path: ptr("my keys")} },
		"credentials.path",
		[]string{"a secret's name"},
	},
	{
		"principals of a store that asks IAM only",
		func(s *Spec) {
			s.Credentials = &CredentialsSpec{AllowedPrincipals: []string{"arn:aws:iam::123456789012:role/deploy"}}
		},
		"credentials.allowed_principals",
		[]string{`store = "s3"`},
	},
	{
		"nobody is allowed",
		func(s *Spec) { s.Credentials = &CredentialsSpec{Store: ptr("s3"), AllowedPrincipals: []string{}} },
		"credentials.allowed_principals",
		[]string{"not even the provider"},
	},
	{
		"a name instead of an ARN",
		func(s *Spec) {
			s.Credentials = &CredentialsSpec{Store: ptr("s3"), AllowedPrincipals: []string{"deploy"}}
		},
		"credentials.allowed_principals[0]",
		[]string{"the ARN of an IAM role"},
	},
	{
		"an alias",
		func(s *Spec) { s.Credentials = &CredentialsSpec{KMSKeyID: ptr("alias/keys")} },
		"credentials.kms_key_id",
		[]string{"every plan would show a change"},
	},
}

// The store of a pipeline: as written, else as it is, else by the size of the new fleet.
func TestStoreOfThePipeline(t *testing.T) {
	few, many := map[string]DeviceSpec{}, map[string]DeviceSpec{}
	for i := range ParameterStoreFleet + 1 {
		many[strings.Repeat("d", i+1)] = DeviceSpec{}
		if i > 0 {
			few[strings.Repeat("d", i+1)] = DeviceSpec{}
		}
	}
	for _, test := range []struct {
		why           string
		written, have string
		devices       map[string]DeviceSpec
		roster        int
		want          string
	}{
		{"a small fleet", "", "", few, 0, "ssm"},
		{"one that would wait for Parameter Store", "", "", many, 0, "s3"},
		{"a file", "", "", nil, 100, "s3"},
		{"a short file", "", "", nil, 1, "ssm"},
		{"it grew, and keeps what it has", "", "ssm", many, 0, "ssm"},
		{"it shrank, and keeps what it has", "", "s3", few, 0, "s3"},
		{"the configuration decides", "secretsmanager", "s3", many, 0, "secretsmanager"},
	} {
		config := Spec{Name: "farm", Devices: test.devices}
		env := testEnv()
		env.CredentialsStore = test.have
		if test.written != "" {
			config.Credentials = &CredentialsSpec{Store: &test.written}
		}
		if test.roster > 0 {
			config.DevicesFrom = &DevicesFromSpec{File: "fleet.csv"}
			env.Roster = map[string]spec.Device{}
			for i := range test.roster {
				env.Roster[strings.Repeat("d", i+1)] = spec.Device{}
			}
		}
		if got := newBuilder(config, env).storeKind(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.why, got, test.want)
		}
	}
}

func TestNobodyLocksTheProviderOut(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/"
	for _, test := range []struct {
		why, caller string
		allowed     []string
		refused     bool
	}{
		{"no list", "arn:aws:iam::123456789012:user/ann", nil, false},
		{"the caller is not known", "", []string{role + "deploy"}, false},
		{"a session of the role, whose path STS does not say",
			"arn:aws:sts::123456789012:assumed-role/deploy/ci", []string{role + "ci/deploy"}, false},
		{"any role of a team", "arn:aws:sts::123456789012:assumed-role/team-ci/run", []string{role + "team-*"}, false},
		{"another role", "arn:aws:sts::123456789012:assumed-role/deploy/ci", []string{role + "deployer"}, true},
		{"a role that ends like it", "arn:aws:sts::123456789012:assumed-role/deploy/ci", []string{role + "re*x"}, true},
		{"a user", "arn:aws:iam::123456789012:user/ops/ann", []string{"arn:aws:iam::*:user/ops/*"}, false},
		{"a user with a role's name", "arn:aws:iam::123456789012:user/deploy", []string{role + "deploy"}, true},
		{"root", "arn:aws:iam::123456789012:root", []string{role + "*"}, true},
	} {
		config := Spec{Credentials: &CredentialsSpec{AllowedPrincipals: test.allowed}}
		if err := CheckCaller(config, test.caller); (err != nil) != test.refused {
			t.Errorf("%s: %v", test.why, err)
		}
	}
}
