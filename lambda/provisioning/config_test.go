package provisioning

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

func TestEnvironmentIsCheckedAtStart(t *testing.T) {
	for _, c := range []struct {
		more map[string]string
		want string // part of the error; "" for none
		why  string
	}{
		{nil, "", "everything is set"},
		{map[string]string{"IOT_THING_NAME_PREFIX": "", "IOT_ATTRIBUTES": ""}, "", "no prefix and no attributes"},
		{map[string]string{"IOT_THING_NAME_PREFIX": "dev-", "IOT_ATTRIBUTES": "bay,hall"}, "",
			"a prefix and two attributes"},
		{map[string]string{"IOT_DEVICE_TABLE": "", "IOT_DEAD_LETTER_QUEUE_URL": "", "IOT_TOPIC_PREFIX": ""}, "",
			"what only other functions need"},
		{map[string]string{"IOT_PIPELINE": ""}, "IOT_PIPELINE is not set", "no pipeline"},
		{map[string]string{"IOT_ALLOW_LIST_TABLE": ""}, "IOT_ALLOW_LIST_TABLE is not set", "no allow list"},
		{map[string]string{"IOT_TEMPLATE_ARN": ""}, "IOT_TEMPLATE_ARN is not set",
			"no template: an event without one must not match"},
		{map[string]string{"IOT_OWNER": ""}, "IOT_OWNER is not set", "no owner: a thing without one must not match"},
		{map[string]string{"IOT_THING_NAME_PREFIX": "dev/"}, `"dev/", which no thing's name starts with`,
			"a prefix that no thing can have"},
		{map[string]string{"IOT_THING_NAME_PREFIX": strings.Repeat("x", 129)}, "no thing's name",
			"a prefix that is too long"},
		{map[string]string{"IOT_ATTRIBUTES": "bay,"}, `the name ""`, "an attribute without a name"},
		{map[string]string{"IOT_ATTRIBUTES": "bay,hall,bay"}, `the name "bay"`, "an attribute that appears twice"},
		{map[string]string{"IOT_ATTRIBUTES": "SerialNumber"}, `the name "SerialNumber"`,
			"the serial must not be overridden"},
		{map[string]string{"IOT_ATTRIBUTES": "AWS::IoT::Certificate::Id"}, `the name "AWS::IoT::Certificate::Id"`,
			"the certificate must not be overridden"},
		{map[string]string{"AWS_REGION": ""}, "AWS_REGION", "no region"},
		{map[string]string{"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID", "no credentials"},
	} {
		_, err := newHandler((&lambdatest.AWS{URL: "http://127.0.0.1:1"}).Getenv(c.more), io.Discard, ofAWS)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want one with %q", c.why, err, c.want)
		}
	}
}

func TestLoadConfig(t *testing.T) {
	env := map[string]string{
		"IOT_PIPELINE": "greenhouse", "IOT_ALLOW_LIST_TABLE": "greenhouse-allow-list", "IOT_OWNER": "token",
		"IOT_THING_NAME_PREFIX": "dev-",
		"IOT_TEMPLATE_ARN":      "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/greenhouse",
		"IOT_ATTRIBUTES":        "bay,hall",
	}
	got, err := loadConfig(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		pipeline: "greenhouse", table: "greenhouse-allow-list", owner: "token", prefix: "dev-",
		templateARN: "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/greenhouse",
		attributes:  []string{"bay", "hall"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
