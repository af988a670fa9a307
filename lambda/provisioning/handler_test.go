package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	untold       cmp.Option = cmpopts.IgnoreUnexported(
		types.AttributeValueMemberS{},
		types.AttributeValueMemberN{},
		types.AttributeValueMemberM{},
		types.AttributeValueMemberNULL{},
		types.AttributeValueMemberBOOL{},
	)
)

// decision is one request, what there is when it comes, and what becomes of it.
type decision struct {
	why       string
	change    func(*events.IoTPreProvisionHookRequest)
	env       map[string]string
	item      map[string]types.AttributeValue // nil: the serial is not on the list
	thing     map[string]string               // attributes of the thing of that name; nil: there is none
	want      reason                          // empty: the device is admitted
	detail    string                          // part of what the log says
	overrides map[string]string
	calls     []string
}

func TestDecisions(t *testing.T) {
	long := strings.Repeat("x", 64)
	shared := newFixture(t, nil)
	for _, c := range slices.Concat(admissions(), []decision{
		{why: "another template of the account has this hook", change: func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN += "-2" },
			item: unused, want: otherTemplate, detail: "provisioningtemplate/greenhouse-2, the hook belongs to arn:"},
		{why: "a template's name in other letters is another template", change: func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN = strings.ToUpper(r.TemplateARN) },
			item: unused, want: otherTemplate},
		{why: "no template", change: func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN = "" }, item: unused, want: malformedEvent, detail: "no template"},
		{why: "no certificate", change: from(""), item: unused, want: malformedEvent, detail: "no certificate ID"},
		{why: "an invalid certificate ID", change: from(certificate + "0"), item: unused, want: malformedEvent, detail: "no certificate ID"},
		{why: "a certificate ID that would have to be quoted", change: from("abc\n"), item: unused, want: malformedEvent},
		{why: "no parameters at all", change: func(r *events.IoTPreProvisionHookRequest) { r.Parameters = nil }, item: unused, want: invalidSerial, detail: "sent no parameter SerialNumber"},
		{why: "no serial", change: with("SerialNumber", ""), item: unused, want: invalidSerial, detail: "sent no parameter SerialNumber"},
		{why: "a parameter's name has one spelling", change: func(r *events.IoTPreProvisionHookRequest) { r.Parameters = map[string]string{"serialNumber": serial} },
			item: unused, want: invalidSerial, detail: "sent no parameter SerialNumber"},
		{why: "an empty serial", change: func(r *events.IoTPreProvisionHookRequest) { r.Parameters["SerialNumber"] = "" }, item: unused, want: invalidSerial, detail: "is not 1 to 64"},
		{why: "a serial that is too long", change: with("SerialNumber", long+"x"), item: unused, want: invalidSerial, detail: long + "x is not 1 to 64"},
		{why: "a serial of another alphabet is quoted in the log", change: with("SerialNumber", "A1\n\u202e\"é"), item: unused, want: invalidSerial, detail: `"A1\n\u202e\"\u00e9" is not`},
		{why: "a huge serial is cut in the log", change: with("SerialNumber", strings.Repeat("#", 100_000)), item: unused, want: invalidSerial, detail: `#"… is not`},
		{why: "a serial with a colon, which a thing's name may have", change: with("SerialNumber", "A1:1"), item: unused, want: invalidSerial},
		{why: "a device that names another certificate", change: with("AWS::IoT::Certificate::Id", another), item: unused, want: otherCertificate, detail: another},
		{why: "prefix and serial are too long together", change: with("SerialNumber", long), env: map[string]string{"IOT_THING_NAME_PREFIX": long + "-"},
			item: unused, want: invalidThingName, detail: "it has 129 characters"},

		{why: "the serial is not on the list", want: notListed, detail: `not in table "greenhouse-allow-list"`, calls: listedOnly},
		{why: "serials have one spelling", change: with("SerialNumber", strings.ToLower(serial)), item: unused, want: notListed, calls: listedOnly},
		{why: "another certificate has used the serial", item: item(map[string]types.AttributeValue{"certificate_id": text(another)}),
			want: serialUsed, detail: "used by certificate " + another, calls: listedOnly},
		{why: "certificate_id emptied instead of removed", item: item(map[string]types.AttributeValue{"certificate_id": text("")}),
			want: invalidItem, detail: "to free a serial, remove the attribute", calls: listedOnly},
		{why: "certificate_id set to null instead of removed", item: item(map[string]types.AttributeValue{"certificate_id": &types.AttributeValueMemberNULL{Value: true}}),
			want: invalidItem, detail: "to free a serial, remove the attribute", calls: listedOnly},
		{why: "parameters that are not a map", item: item(map[string]types.AttributeValue{"parameters": text("bay=7")}),
			want: invalidItem, detail: "parameters is not a map", calls: listedOnly},
		{why: "a parameter that is a number", item: item(map[string]types.AttributeValue{"parameters": &types.AttributeValueMemberM{
			Value: map[string]types.AttributeValue{"bay": &types.AttributeValueMemberN{Value: "7"}}}}),
			want: invalidItem, detail: "parameter bay is not a string", calls: listedOnly},
		{why: "a parameter that is not a string is an error also where no attribute has its name", item: item(map[string]types.AttributeValue{"parameters": &types.AttributeValueMemberM{
			Value: map[string]types.AttributeValue{"bay": text("7"), "spare": &types.AttributeValueMemberBOOL{Value: true}}}}),
			want: invalidItem, detail: "parameter spare is not a string", calls: listedOnly},

		{why: "an attribute without any value", change: with("bay", ""), item: unused, want: missingAttribute, detail: "attribute bay has no value", calls: listedOnly},
		{why: "one of two attributes without a value", env: map[string]string{"IOT_ATTRIBUTES": "bay,hall"}, item: unused, want: missingAttribute, detail: "attribute hall", calls: listedOnly},
		{why: "an empty value on the list overrides the device's, too", item: parameters(map[string]string{"bay": ""}), want: missingAttribute, detail: "attribute bay", calls: listedOnly},
		{why: "a value that AWS IoT does not take", change: with("bay", "bay 7"), item: unused, want: invalidAttribute, detail: "has from the device: bay 7", calls: listedOnly},
		{why: "a line break at the end", change: with("bay", "7\n"), item: unused, want: invalidAttribute, detail: `"7\n"`, calls: listedOnly},
		{why: "a value that is too long", change: with("bay", strings.Repeat("7", 801)), item: unused, want: invalidAttribute, detail: `7"…`, calls: listedOnly},
		{why: "the list has a value that AWS IoT does not take", item: parameters(map[string]string{"bay": "é"}), want: invalidAttribute, detail: `from the allow list: "\u00e9"`, calls: listedOnly},

		{why: "a thing of that name that belongs to nobody", item: unused, thing: map[string]string{}, want: thingExists, detail: "not of this pipeline", calls: everyRefusal},
		{why: "a thing of another pipeline", item: unused, thing: map[string]string{"iot-pipeline": "another-token", "iot-pipeline-registered": "claim"},
			want: thingExists, detail: `a thing "A1-0001", and it is not of this pipeline`, calls: everyRefusal},
		{why: "a thing that Terraform made for this pipeline", item: unused, thing: map[string]string{"iot-pipeline": "owner-token"},
			want: thingExists, detail: "did not register itself", calls: everyRefusal},
		{why: "a thing whose registration was emptied", item: unused, thing: map[string]string{"iot-pipeline": "owner-token", "iot-pipeline-registered": ""},
			want: thingExists, calls: everyRefusal},
		{why: "a thing that only says that it registered", item: unused, thing: map[string]string{"iot-pipeline-registered": "claim"}, want: thingExists, calls: everyRefusal},
	}) {
		t.Run(c.why, func(t *testing.T) { c.test(shared.again(t, c.env)) })
	}
}

// admissions are the requests that are admitted, each with all calls.
func admissions() []decision {
	all := []decision{
		{why: "a serial of the list, the device's own value", item: unused},
		{
			why:    "a device may name its own certificate",
			change: with("AWS::IoT::Certificate::Id", certificate),
			item:   unused,
		},
		{
			why:    "no attributes are wanted",
			env:    map[string]string{"IOT_ATTRIBUTES": ""},
			change: with("bay", ""),
			item:   unused,
		},
		{
			why:  "the same certificate again",
			item: item(map[string]types.AttributeValue{"certificate_id": text(certificate)}),
		},
		{
			why:       "the list's value overrides the device's",
			item:      parameters(map[string]string{"bay": "12"}),
			overrides: map[string]string{"bay": "12"},
		},
		{
			why:       "the list's value will do",
			change:    with("bay", ""),
			item:      parameters(map[string]string{"bay": "12"}),
			overrides: map[string]string{"bay": "12"},
		},
		{
			why:    "only names of attributes are overridden",
			env:    map[string]string{"IOT_ATTRIBUTES": "bay,hall"},
			change: with("hall", "north"),
			item: parameters(
				map[string]string{
					"bay":                       "12",
					"SerialNumber":              "B2",
					"AWS::IoT::Certificate::Id": another,
					"spare":                     "not a value, é",
				},
			),
			overrides: map[string]string{"bay": "12"},
		},
		{why: "an empty map overrides nothing", item: parameters(nil)},
		{why: "every character that AWS IoT takes", change: with("bay", `aZ09_.,@/:#=[]-`), item: unused},
		{why: "the longest value", change: with("bay", strings.Repeat("7", 800)), item: unused},
		{why: "the thing registered before, and the serial was freed", item: unused, thing: ours},
		{
			why:   "the thing registered by its own CA's certificate before",
			item:  unused,
			thing: map[string]string{"iot-pipeline": "owner-token", "iot-pipeline-registered": "jitp"},
		},
		{why: "names start with a prefix", env: map[string]string{"IOT_THING_NAME_PREFIX": "dev-"}, item: unused},
		{
			why:   "a thing without the prefix is another thing",
			env:   map[string]string{"IOT_THING_NAME_PREFIX": "dev-"},
			item:  unused,
			thing: map[string]string{},
		},
		{
			why: "other attributes of the item are the operators' own",
			item: item(
				map[string]types.AttributeValue{
					"note":  text("pallet 9"),
					"batch": &types.AttributeValueMemberN{Value: "4"},
				},
			),
		},
	}
	for i := range all {
		all[i].calls = everything
	}
	return all
}

func (c decision) test(f *fixture) {
	t := f.t
	f.forget()
	if c.item != nil {
		f.put(c.item)
	}
	if c.thing != nil {
		f.thing(serial, c.thing)
	}
	var changes []func(*events.IoTPreProvisionHookRequest)
	if c.change != nil {
		changes = append(changes, c.change)
	}
	before := f.listed()
	answer := f.ask(changed(t, changes...), quick)
	if answer.AllowProvisioning != (c.want == "") {
		t.Errorf("admitted: %v", answer.AllowProvisioning)
	}
	if diff := cmp.Diff(c.overrides, answer.ParameterOverrides, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("overrides (-want +got):\n%s", diff)
	}
	var calls []string
	for _, call := range f.aws.Calls("") {
		calls = append(calls, call.Action)
	}
	if diff := cmp.Diff(c.calls, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	f.wantPrinted(c.want, c.detail)
	if c.want != "" {
		if diff := cmp.Diff(before, f.listed(), untold); diff != "" {
			t.Errorf("a refused request changed the list (-before +after):\n%s", diff)
		}
		return
	}
	before["certificate_id"], before["thing"], before["client_id"] = text(
		certificate,
	), text(
		c.env["IOT_THING_NAME_PREFIX"]+serial,
	), text(
		recorded(t).ClientID,
	)
	before["registered_at"] = &types.AttributeValueMemberN{Value: "1767225600123"}
	if diff := cmp.Diff(before, f.listed(), untold); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
}

// wantPrinted checks the lines of one request: which reason, and where the metrics have it.
func (f *fixture) wantPrinted(want reason, detail string) {
	f.t.Helper()
	log, metrics := f.printed()
	level := "INFO"
	switch want {
	case "":
	case timedOut, awsError, panicked:
		level = "ERROR"
	default:
		level = "WARN"
	}
	if log.text("level") != level || log.text("reason") != string(want) ||
		!strings.Contains(log.text("detail"), detail) ||
		log.text("requestId") != "request-1" {
		f.t.Errorf("log line %v, want level %s, reason %q and detail %q", log, level, want, detail)
	}
	if got := log.text("serial"); got != "" && !validSerial(got) ||
		got == "" && want != invalidSerial && want != malformedEvent {
		f.t.Errorf("serial %q in log line %v", got, log)
	}
	for name, value := range log {
		if text, ok := value.(string); ok && len(text) > 2*maxDetail && name != "stack" {
			f.t.Errorf("%d characters of %s in the log", len(text), name)
		}
	}
	directive := metrics["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
	if got := fmt.Sprint(directive["Dimensions"], directive["Metrics"]); got != "[[Pipeline Function]] [map[Name:Admitted Unit:Count] map[Name:Refused Unit:Count]]" {
		f.t.Errorf("metrics %s: reasons and devices are not dimensions", got)
	}
	admitted, refused := 1.0, 0.0
	if want != "" {
		admitted, refused = 0, 1
	}
	if metrics["Admitted"] != admitted || metrics["Refused"] != refused || metrics.text("Reason") != string(want) ||
		metrics["Pipeline"] != "greenhouse" || metrics["Function"] != "provisioning" {
		f.t.Errorf("metrics %v, want %v admitted, %v refused, reason %q", metrics, admitted, refused, want)
	}
}

func TestEventsThatAreNone(t *testing.T) {
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
		{`{"certificateId":` + strings.Repeat("9", 10_000) + `}`, "cannot unmarshal number", "a number of ten thousand digits"},
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
	for name, want := range map[string]string{"message": "device admitted", "serial": serial, "thing": serial, "certificate_id": certificate, "client_id": recorded(t).ClientID} {
		if log.text(name) != want {
			t.Errorf("%s is %q in the log, want %q", name, log.text(name), want)
		}
	}
}

func TestClientIDsAreBounded(t *testing.T) {
	f := newFixture(t, nil)
	f.put(unused)
	if answer := f.ask(changed(t, func(r *events.IoTPreProvisionHookRequest) { r.ClientID = strings.Repeat("é", 100_000) }), quick); !answer.AllowProvisioning {
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
		TableName: aws.String(allowTable), Key: serialKey(serial), UpdateExpression: aws.String("REMOVE certificate_id"),
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

// meeting is a table whose writes wait for each other, so that every request has read the list before the first one
// writes.
type meeting struct {
	tableAPI
	everyone *sync.WaitGroup
}

func (m meeting) UpdateItem(
	ctx context.Context,
	in *dynamodb.UpdateItemInput,
	options ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	m.everyone.Done()
	m.everyone.Wait()
	return m.tableAPI.UpdateItem(ctx, in, options...)
}

func TestDevicesRaceForOneSerial(t *testing.T) {
	f := newFixture(t, nil)
	for _, n := range []int{2, 8} {
		f.forget()
		f.put(unused)
		var everyone, racing sync.WaitGroup
		everyone.Add(n)
		verdicts := make([]*refusal, n)
		for i := range n {
			h := f.start()
			h.list.client = meeting{h.list.client, &everyone}
			event := changed(t, from(fmt.Sprintf("%064x", i)))
			racing.Go(func() {
				_, verdicts[i] = h.admit(t.Context(), event)
			})
		}
		racing.Wait()
		winner := ""
		for i, why := range verdicts {
			switch {
			case why == nil && winner == "":
				winner = fmt.Sprintf("%064x", i)
			case why == nil:
				t.Errorf("%d devices: a second one is admitted", n)
			case why.reason != serialUsed:
				t.Errorf("%d devices: refused for %s: %s", n, why.reason, why.detail)
			}
		}
		if got := f.listed()["certificate_id"]; winner == "" || !cmp.Equal(got, text(winner), untold) {
			t.Errorf("%d devices: certificate %v on the list, %q was admitted", n, got, winner)
		}
	}
}

// interloper is a table that changes behind the hook's back, between reading and writing.
type interloper struct {
	tableAPI
	meanwhile func()
}

func (i interloper) UpdateItem(
	ctx context.Context,
	in *dynamodb.UpdateItemInput,
	options ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	i.meanwhile()
	return i.tableAPI.UpdateItem(ctx, in, options...)
}

func TestTheListChangesDuringARequest(t *testing.T) {
	f := newFixture(t, nil)
	client := f.list.client
	for _, c := range []struct {
		why       string
		meanwhile func()
		want      reason
		detail    string
	}{
		{"the serial is taken from the list", f.forget, notListed, "during the request"},
		{"the serial is used", func() { f.put(item(map[string]types.AttributeValue{"certificate_id": text(another)})) }, serialUsed, another},
		{"certificate_id is spoilt", func() { f.put(item(map[string]types.AttributeValue{"certificate_id": text("")})) }, invalidItem, "remove the attribute"},
		{"the serial is used by the same certificate", func() { f.put(item(map[string]types.AttributeValue{"certificate_id": text(certificate)})) }, "", ""},
	} {
		f.put(unused)
		f.list.client = interloper{client, c.meanwhile}
		if answer := f.ask(changed(t), quick); answer.AllowProvisioning != (c.want == "") {
			t.Errorf("%s: admitted is %v", c.why, answer.AllowProvisioning)
		}
		f.wantPrinted(c.want, c.detail)
	}
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
