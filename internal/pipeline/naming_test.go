package pipeline

import "testing"

// What state leaves out of each device follows from its name and its certificate's ID.
func TestNaming(t *testing.T) {
	for _, tc := range []struct {
		why             string
		config          Spec
		env             Env
		thing, id       string
		wantThing, cert string
		credentials     string
	}{
		{"defaults", Spec{Name: "greenhouse"}, testEnv(), "soil-001", "ab12",
			"arn:aws:iot:eu-west-1:123456789012:thing/soil-001",
			"arn:aws:iot:eu-west-1:123456789012:cert/ab12", "/iot-pipeline/greenhouse/devices/{thing}"},
		{"a path of the user's own", Spec{Name: "greenhouse", Credentials: &CredentialsSpec{Path: ptr("/keys")}},
			testEnv(), "soil-001", "ab12",
			"arn:aws:iot:eu-west-1:123456789012:thing/soil-001", "arn:aws:iot:eu-west-1:123456789012:cert/ab12",
			"/keys/{thing}"},
		{"another partition", Spec{Name: "greenhouse"},
			Env{Partition: "aws-cn", Region: "cn-north-1", AccountID: "123456789012"}, "a", "cd",
			"arn:aws-cn:iot:cn-north-1:123456789012:thing/a", "arn:aws-cn:iot:cn-north-1:123456789012:cert/cd",
			"/iot-pipeline/greenhouse/devices/{thing}"},
		{"a device without a certificate yet", Spec{Name: "greenhouse"}, testEnv(), "soil-001", "",
			"arn:aws:iot:eu-west-1:123456789012:thing/soil-001", "",
			"/iot-pipeline/greenhouse/devices/{thing}"},
	} {
		n := NamingOf(tc.config, tc.env)
		if got := [3]string{n.Thing(tc.thing), n.Certificate(tc.id), n.Credentials}; got != [3]string{
			tc.wantThing,
			tc.cert,
			tc.credentials,
		} {
			t.Errorf("%s: %q", tc.why, got)
		}
	}
}
