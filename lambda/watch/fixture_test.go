package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/notice"
)

const table = "greenhouse"

// fixture is a watch function with its table and topic in moto. Its calls pass through a stand-in that counts them and
// can misbehave.
type fixture struct {
	*handler
	t     *testing.T
	moto  *mototest.Server
	db    *dynamodb.Client // past the stand-in
	aws   *lambdatest.AWS
	clock time.Time
	last  int // invocations so far
	seen  int // notices that told has returned
}

func newFixture(t *testing.T, env map[string]string) *fixture {
	t.Helper()
	f := &fixture{
		t: t, moto: mototest.Start(t), aws: lambdatest.StartAWS(t),
		clock: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
	}
	cfg := f.moto.Config(t)
	f.db = dynamodb.NewFromConfig(cfg)
	f.makeTable()
	if _, err := sns.NewFromConfig(cfg).CreateTopic(t.Context(),
		&sns.CreateTopicInput{Name: aws.String("greenhouse-alerts")}); err != nil {
		t.Fatal(err)
	}
	f.aws.Forward(t, f.moto.URL)
	f.limits(contract.Silence{Version: contract.SilenceVersion, Minutes: 10})
	f.handler = f.start(env)
	return f
}

// start returns another process of the function.
func (f *fixture) start(env map[string]string) *handler {
	f.t.Helper()
	h, err := newHandler(f.aws.Getenv(env), io.Discard)
	if err != nil {
		f.t.Fatal(err)
	}
	h.now = func() time.Time { return f.clock }
	return h
}

func (f *fixture) makeTable() {
	f.t.Helper()
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: kind}
	}
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: aws.String(name), KeyType: kind}
	}
	_, err := f.db.CreateTable(f.t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute(contract.DeviceKey, "S"),
			attribute(contract.StatusAttribute, "S"), attribute(contract.SlotAttribute, "N")},
		KeySchema: []types.KeySchemaElement{key(contract.DeviceKey, "HASH")},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String(contract.StatusIndex),
			KeySchema: []types.KeySchemaElement{key(contract.StatusAttribute, "HASH"),
				key(contract.SlotAttribute, "RANGE")},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// limits writes the item that the provider writes.
func (f *fixture) limits(s contract.Silence) {
	f.t.Helper()
	document, err := json.Marshal(s)
	if err != nil {
		f.t.Fatal(err)
	}
	f.put(contract.SilenceItem, values{contract.DocumentAttribute: text(string(document))})
}

// put writes an item; if it is a device, with the time of the index as the processor rounds it.
func (f *fixture) put(name string, item values) {
	f.t.Helper()
	item = maps.Clone(item)
	if seen := item[contract.LastSeenAttribute]; seen != nil {
		item[contract.SlotAttribute] = slotOf(seen)
	}
	item[contract.DeviceKey] = text(name)
	if _, err := f.db.PutItem(f.t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table),
		Item: item}); err != nil {
		f.t.Fatal(err)
	}
}

func slotOf(seen types.AttributeValue) types.AttributeValue {
	return millis(time.UnixMilli(number(seen)).Truncate(contract.MaxSlot))
}

// device writes a device that was last seen some time before the fixture's clock. One that is offline said so then.
func (f *fixture) device(thing, status string, ago time.Duration) {
	f.t.Helper()
	if status == contract.StatusOffline {
		f.lost(thing, ago, ago)
		return
	}
	f.put(thing, values{
		contract.StatusAttribute: text(status), contract.LastSeenAttribute: millis(f.clock.Add(-ago)),
		"status_at": millis(f.clock.Add(-ago)),
	})
}

// returns writes what the processor writes when a silent device sends something.
func (f *fixture) returns(thing string, silent time.Duration) {
	f.t.Helper()
	f.put(contract.ReturnedPrefix+thing, values{
		contract.StatusAttribute: text(contract.StatusReturned), contract.LastSeenAttribute: millis(f.clock),
		contract.SilentSinceAttribute: millis(f.clock.Add(-silent)),
	})
	f.device(thing, contract.StatusOnline, 0)
}

// status reads a device's status, "" if there is no such item.
func (f *fixture) status(name string) string {
	f.t.Helper()
	out, err := f.db.GetItem(f.t.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: key(name)})
	if err != nil {
		f.t.Fatal(err)
	}
	return content(out.Item[contract.StatusAttribute])
}

// run invokes the function as the schedule does, at the time of the clock.
func (f *fixture) run() error { return f.runOn(f.handler, f.clock, 20*time.Second) }

// runOn invokes a process for a scheduled time.
func (f *fixture) runOn(h *handler, at time.Time, left time.Duration) error {
	f.last++
	return f.invoke(h, fmt.Sprintf("request-%d", f.last), at, left)
}

func (f *fixture) invoke(h *handler, id string, at time.Time, left time.Duration) error {
	ctx, cancel := context.WithTimeout(
		lambdacontext.NewContext(f.t.Context(), &lambdacontext.LambdaContext{AwsRequestID: id}), left)
	defer cancel()
	_, err := h.Invoke(ctx, fmt.Appendf(nil, `{"scheduled_time":%q}`, at.Format(time.RFC3339)))
	return err
}

func (f *fixture) mustRun() {
	f.t.Helper()
	if err := f.run(); err != nil {
		f.t.Fatal(err)
	}
}

// minute lets a minute pass.
func (f *fixture) minute() { f.clock = f.clock.Add(time.Minute) }

// notices returns the notices that SNS accepted so far.
func (f *fixture) notices() []notice.Notice {
	f.t.Helper()
	var out []notice.Notice
	for _, call := range f.aws.Calls("sns:Publish") {
		if call.Refused {
			continue
		}
		form, err := url.ParseQuery(string(call.Body))
		if err != nil {
			f.t.Fatal(err)
		}
		var forms map[string]string
		if err := json.Unmarshal([]byte(form.Get("Message")), &forms); err != nil {
			f.t.Fatal(err)
		}
		var n notice.Notice
		if err := json.Unmarshal([]byte(forms["sqs"]), &n); err != nil {
			f.t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// told returns "state thing: message" of the notices since the last call.
func (f *fixture) told() []string {
	f.t.Helper()
	all := f.notices()
	out := []string{}
	for _, n := range all[f.seen:] {
		out = append(out, n.State+" "+n.Thing+": "+n.Message)
	}
	f.seen = len(all)
	return out
}

func (f *fixture) wantTold(why string, want ...string) {
	f.t.Helper()
	if want == nil {
		want = []string{}
	}
	got := f.told()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Fatalf("%s: notices (-want +got):\n%s", why, diff)
	}
}
