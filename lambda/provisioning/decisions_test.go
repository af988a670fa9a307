package provisioning

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
		{why: "another template of the account has this hook",
			change: func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN += "-2" },
			item:   unused, want: otherTemplate, detail: "provisioningtemplate/greenhouse-2, the hook belongs to arn:"},
		{why: "a template's name in other letters is another template",
			change: func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN = strings.ToUpper(r.TemplateARN) },
			item:   unused, want: otherTemplate},
		{why: "no template", change: func(r *events.IoTPreProvisionHookRequest) { r.TemplateARN = "" }, item: unused,
			want: malformedEvent, detail: "no template"},
		{why: "no certificate", change: from(""), item: unused, want: malformedEvent, detail: "no certificate ID"},
		{why: "an invalid certificate ID", change: from(certificate + "0"), item: unused, want: malformedEvent,
			detail: "no certificate ID"},
		{why: "a certificate ID that would have to be quoted", change: from("abc\n"), item: unused,
			want: malformedEvent},
		{why: "no parameters at all", change: func(r *events.IoTPreProvisionHookRequest) { r.Parameters = nil },
			item: unused, want: invalidSerial, detail: "sent no parameter SerialNumber"},
		{why: "no serial", change: with("SerialNumber", ""), item: unused, want: invalidSerial,
			detail: "sent no parameter SerialNumber"},
		{why: "a parameter's name has one spelling",
			change: func(r *events.IoTPreProvisionHookRequest) { r.Parameters = map[string]string{"serialNumber": serial} },
			item:   unused, want: invalidSerial, detail: "sent no parameter SerialNumber"},
		{why: "an empty serial",
			change: func(r *events.IoTPreProvisionHookRequest) { r.Parameters["SerialNumber"] = "" }, item: unused,
			want: invalidSerial, detail: "is not 1 to 64"},
		{why: "a serial that is too long", change: with("SerialNumber", long+"x"), item: unused, want: invalidSerial,
			detail: long + "x is not 1 to 64"},
		{why: "a serial of another alphabet is quoted in the log", change: with("SerialNumber", "A1\n\u202e\"é"),
			item: unused, want: invalidSerial, detail: `"A1\n\u202e\"\u00e9" is not`},
		{why: "a huge serial is cut in the log", change: with("SerialNumber", strings.Repeat("#", 100_000)),
			item: unused, want: invalidSerial, detail: `#"… is not`},
		{why: "a serial with a colon, which a thing's name may have", change: with("SerialNumber", "A1:1"),
			item: unused, want: invalidSerial},
		{why: "a device that names another certificate", change: with("AWS::IoT::Certificate::Id", another),
			item: unused, want: otherCertificate, detail: another},
		{why: "prefix and serial are too long together", change: with("SerialNumber", long),
			env:  map[string]string{"IOT_THING_NAME_PREFIX": long + "-"},
			item: unused, want: invalidThingName, detail: "it has 129 characters"},

		{why: "the serial is not on the list", want: notListed, detail: `not in table "greenhouse-allow-list"`,
			calls: listedOnly},
		{why: "serials have one spelling", change: with("SerialNumber", strings.ToLower(serial)), item: unused,
			want: notListed, calls: listedOnly},
		{why: "another certificate has used the serial",
			item: item(map[string]types.AttributeValue{"certificate_id": text(another)}),
			want: serialUsed, detail: "used by certificate " + another, calls: listedOnly},
		{why: "certificate_id emptied instead of removed",
			item: item(map[string]types.AttributeValue{"certificate_id": text("")}),
			want: invalidItem, detail: "to free a serial, remove the attribute", calls: listedOnly},
		{why: "certificate_id set to null instead of removed",
			item: item(map[string]types.AttributeValue{"certificate_id": &types.AttributeValueMemberNULL{Value: true}}),
			want: invalidItem, detail: "to free a serial, remove the attribute", calls: listedOnly},
		{why: "parameters that are not a map", item: item(map[string]types.AttributeValue{"parameters": text("bay=7")}),
			want: invalidItem, detail: "parameters is not a map", calls: listedOnly},
		{why: "a parameter that is a number",
			item: item(map[string]types.AttributeValue{"parameters": &types.AttributeValueMemberM{
				Value: map[string]types.AttributeValue{"bay": &types.AttributeValueMemberN{Value: "7"}}}}),
			want: invalidItem, detail: "parameter bay is not a string", calls: listedOnly},
		{why: "a parameter that is not a string is an error also where no attribute has its name",
			item: item(map[string]types.AttributeValue{"parameters": &types.AttributeValueMemberM{
				Value: map[string]types.AttributeValue{"bay": text("7"),
					"spare": &types.AttributeValueMemberBOOL{Value: true}}}}),
			want: invalidItem, detail: "parameter spare is not a string", calls: listedOnly},

		{why: "an attribute without any value", change: with("bay", ""), item: unused, want: missingAttribute,
			detail: "attribute bay has no value", calls: listedOnly},
		{why: "one of two attributes without a value", env: map[string]string{"IOT_ATTRIBUTES": "bay,hall"},
			item: unused, want: missingAttribute, detail: "attribute hall", calls: listedOnly},
		{why: "an empty value on the list overrides the device's, too", item: parameters(map[string]string{"bay": ""}),
			want: missingAttribute, detail: "attribute bay", calls: listedOnly},
		{why: "a value that AWS IoT does not take", change: with("bay", "bay 7"), item: unused, want: invalidAttribute,
			detail: "has from the device: bay 7", calls: listedOnly},
		{why: "a line break at the end", change: with("bay", "7\n"), item: unused, want: invalidAttribute,
			detail: `"7\n"`, calls: listedOnly},
		{why: "a value that is too long", change: with("bay", strings.Repeat("7", 801)), item: unused,
			want: invalidAttribute, detail: `7"…`, calls: listedOnly},
		{why: "the list has a value that AWS IoT does not take", item: parameters(map[string]string{"bay": "é"}),
			want: invalidAttribute, detail: `from the allow list: "\u00e9"`, calls: listedOnly},

		{why: "a thing of that name that belongs to nobody", item: unused, thing: map[string]string{},
			want: thingExists, detail: "not of this pipeline", calls: everyRefusal},
		{why: "a thing of another pipeline", item: unused,
			thing: map[string]string{"iot-pipeline": "another-token", "iot-pipeline-registered": "claim"},
			want:  thingExists, detail: `a thing "A1-0001", and it is not of this pipeline`, calls: everyRefusal},
		{why: "a thing that Terraform made for this pipeline", item: unused,
			thing: map[string]string{"iot-pipeline": "owner-token"},
			want:  thingExists, detail: "did not register itself", calls: everyRefusal},
		{why: "a thing whose registration was emptied", item: unused,
			thing: map[string]string{"iot-pipeline": "owner-token", "iot-pipeline-registered": ""},
			want:  thingExists, calls: everyRefusal},
		{why: "a thing that only says that it registered", item: unused,
			thing: map[string]string{"iot-pipeline-registered": "claim"}, want: thingExists, calls: everyRefusal},
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
			item: parameters(map[string]string{
				"bay":                       "12",
				"SerialNumber":              "B2",
				"AWS::IoT::Certificate::Id": another,
				"spare":                     "not a value, é",
			}),
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
			item: item(map[string]types.AttributeValue{
				"note":  text("pallet 9"),
				"batch": &types.AttributeValueMemberN{Value: "4"},
			}),
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
	before["certificate_id"], before["thing"], before["client_id"] = text(certificate), text(
		c.env["IOT_THING_NAME_PREFIX"]+serial,
	), text(recorded(t).ClientID)
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
	if got := fmt.Sprint(directive["Dimensions"], directive["Metrics"]); got != "[[Pipeline Function]] "+
		"[map[Name:Admitted Unit:Count] map[Name:Refused Unit:Count]]" {
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
