package provisioning

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// quick is the time for requests that nothing holds up, on a busy machine.
const quick = time.Minute

var (
	listedOnly              = []string{getItem}
	everyRefusal            = []string{getItem, describeThing}
	everything              = []string{getItem, describeThing, updateItem}
	unused                  = item(nil)
	ours                    = map[string]string{"iot-pipeline": "owner-token", "iot-pipeline-registered": "claim"}
	untold       cmp.Option = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{},
		types.AttributeValueMemberM{}, types.AttributeValueMemberNULL{}, types.AttributeValueMemberBOOL{})
)

func TestMalformedEvents(t *testing.T) {
	f := newFixture(t, nil)
	f.put(unused)
	for _, c := range []struct{ event, detail, why string }{
		{``, "unexpected end", "nothing"},
		{`not json`, "invalid character", "no JSON"},
		{`null`, "no certificate ID", "JSON without anything"},
		{`[]`, "cannot unmarshal array", "no object"},
		{`{}`, "no certificate ID", "an empty object"},
		{`{"parameters":{"SerialNumber":7}}`, "cannot unmarshal number", "a serial that is a number"},
		{`{"parameters":["SerialNumber"]}`, "cannot unmarshal array", "parameters that are a list"},
		{`{"certificateId":` + strings.Repeat("9", 10_000) + `}`, "cannot unmarshal number",
			"a number of ten thousand digits"},
		{strings.Repeat(`{"parameters":`, 20_000), "max depth", "deeper than JSON is read"},
		{string(changed(t)) + `{}`, "after top-level value", "two objects"},
		{"{\"certificateId\":\"\xff\xfe\"}", "no certificate ID", "no UTF-8"},
	} {
		if answer := f.ask([]byte(c.event), quick); answer.AllowProvisioning {
			t.Errorf("%s: admitted", c.why)
		}
		f.wantPrinted(malformedEvent, c.detail)
	}
	if calls := f.aws.Calls(""); len(calls) != 0 {
		t.Errorf("%d calls for events that are none", len(calls))
	}
}

// TestTheRecordedEvent hands the hook the file as it is.
func TestTheRecordedEvent(t *testing.T) {
	f := newFixture(t, nil)
	f.put(parameters(map[string]string{"bay": "9"}))
	text, err := f.Invoke(t.Context(), changed(t))
	if err != nil || string(text) != `{"allowProvisioning":true,"parameterOverrides":{"bay":"9"}}` {
		t.Errorf("%s, %v", text, err)
	}
	log, _ := f.printed()
	for name, want := range map[string]string{"message": "device admitted", "serial": serial, "thing": serial,
		"certificate_id": certificate, "client_id": recorded(t).ClientID} {
		if log.text(name) != want {
			t.Errorf("%s is %q in the log, want %q", name, log.text(name), want)
		}
	}
}

func TestClientIDsAreBounded(t *testing.T) {
	f := newFixture(t, nil)
	f.put(unused)
	if answer := f.ask(changed(t, func(r *events.IoTPreProvisionHookRequest) {
		r.ClientID = strings.Repeat("é",
			100_000)
	}), quick); !answer.AllowProvisioning {
		t.Error("refused")
	}
	log, _ := f.printed()
	if got, want := f.listed()["client_id"], text(strings.Repeat("é", 64)); !cmp.Equal(got, want, untold) {
		t.Errorf("client ID %v", got)
	}
	if got := log.text("client_id"); !strings.HasPrefix(got, `"\u00e9`) || len(got) > 6*maxShown {
		t.Errorf("client ID %s in the log", got)
	}
}

// TestASerialIsFreed goes through a device's repair: its new certificate is refused until an operator frees the serial.
func TestASerialIsFreed(t *testing.T) {
	f := newFixture(t, nil)
	f.put(unused)
	for range 2 { // the second time as if the first answer had been lost
		if !f.ask(changed(t), quick).AllowProvisioning {
			t.Fatal("the first certificate is refused")
		}
		f.out.Reset()
	}
	f.thing(serial, ours) // what the template makes
	if f.ask(changed(t, from(another)), quick).AllowProvisioning {
		t.Fatal("a second certificate is admitted")
	}
	f.wantPrinted(serialUsed, certificate)
	if _, err := f.table.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(allowTable), Key: serialKey(serial),
		UpdateExpression: aws.String("REMOVE certificate_id"),
	}); err != nil {
		t.Fatal(err)
	}
	if !f.ask(changed(t, from(another)), quick).AllowProvisioning {
		t.Error("the second certificate is refused although the serial was freed")
	}
	f.out.Reset()
	if f.ask(changed(t), quick).AllowProvisioning {
		t.Error("the first certificate is admitted again")
	}
	f.wantPrinted(serialUsed, another)
}

// explosive is a registry client with a bug.
type explosive struct{ value any }

func (e explosive) DescribeThing(
	context.Context,
	*iot.DescribeThingInput,
	...func(*iot.Options),
) (*iot.DescribeThingOutput, error) {
	panic(e.value)
}

func TestAPanicIsARefusal(t *testing.T) {
	f := newFixture(t, nil)
	f.put(unused)
	for _, c := range []struct {
		value  any
		detail string
		why    string
	}{
		{errors.New("index out of range"), "index out of range", "errors are told"},
		{"owner-secret", "a panic with string", "what else there is may be anything, and is not told"},
	} {
		f.registry = explosive{c.value}
		if f.ask(changed(t), quick).AllowProvisioning {
			t.Errorf("%s: admitted", c.why)
		}
		if out := f.out.String(); !strings.Contains(out, "checkThing") {
			t.Errorf("%s: no stack in %s", c.why, out)
		}
		f.wantPrinted(panicked, c.detail)
	}
	if _, used := f.listed()["certificate_id"]; used {
		t.Error("the serial is used up")
	}
}

// TestCallsNoMoreThanItsPolicyAllows makes the hook do everything it can do and compares its calls with the list that
// the provider writes the policy document from, both ways.
func TestCallsNoMoreThanItsPolicyAllows(t *testing.T) {
	f := newFixture(t, nil)
	f.put(parameters(map[string]string{"bay": "9"}))
	f.ask(changed(t), quick)
	f.thing(serial, ours)
	f.ask(changed(t), quick)
	f.ask(changed(t, from(another)), quick)
	called := f.aws.Actions()
	var allowed []string
	for _, need := range needs.Of("provisioning") {
		if !need.ByLambda {
			allowed = append(allowed, need.Action)
		}
	}
	slices.Sort(allowed)
	if diff := cmp.Diff(allowed, called); diff != "" {
		t.Errorf("the policy allows (-), the hook calls (+):\n%s", diff)
	}
	// The policy names one table, and things by the prefix of their names.
	for _, call := range f.aws.Calls("") {
		if call.Action == describeThing && call.Path != "/things/"+serial ||
			call.Action != describeThing && !strings.Contains(string(call.Body), `"TableName":"`+allowTable+`"`) {
			t.Errorf("a call on another object: %s %s %s", call.Action, call.Path, call.Body)
		}
		if call.Action == getItem && !strings.Contains(string(call.Body), `"ConsistentRead":true`) {
			t.Errorf("a serial that was freed or used just now may be read as it was: %s", call.Body)
		}
	}
}
