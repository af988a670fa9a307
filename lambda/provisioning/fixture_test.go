package provisioning

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	serial      = "A1-0001" // of testdata/event.json
	certificate = "261344fb3def78e4224b6527e439509a8455054af11a7924cab95bfe486ede33"
	another     = "9a1de8c7a1b7e2d3f4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b"
	allowTable  = "greenhouse-allow-list"

	getItem       = "dynamodb:GetItem"
	updateItem    = "dynamodb:UpdateItem"
	describeThing = "iot:DescribeThing"
)

// fixture is a hook whose calls go through a stand-in, which can misbehave, to moto.
type fixture struct {
	*handler
	t      *testing.T
	moto   *mototest.Server
	table  *dynamodb.Client
	things *iot.Client
	aws    *lambdatest.AWS
	env    map[string]string
	out    *bytes.Buffer
	// patience is for a busy machine; tests of the limits themselves set their own.
	patience limits
}

func newFixture(t *testing.T, more map[string]string) *fixture {
	t.Helper()
	f := &fixture{moto: mototest.Start(t), patience: limits{answer: time.Minute, try: time.Minute}}
	f.table, f.things = dynamodb.NewFromConfig(f.moto.Config(t)), iot.NewFromConfig(f.moto.Config(t))
	if _, err := f.table.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(allowTable), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("serial"),
			AttributeType: types.ScalarAttributeTypeS}},
		KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("serial"), KeyType: types.KeyTypeHash}},
	}); err != nil {
		t.Fatal(err)
	}
	return f.again(t, more)
}

// again is a fixture for another test with the same moto, which costs less than an empty one: the list and the
// registry keep what they hold, everything else is new.
func (f *fixture) again(t *testing.T, more map[string]string) *fixture {
	t.Helper()
	next := *f
	next.t, next.aws, next.out = t, lambdatest.StartAWS(t), &bytes.Buffer{}
	next.aws.Forward(t, f.moto.URL)
	next.env = next.aws.Env(more)
	next.handler = next.start()
	return &next
}

// start makes another hook of the same pipeline, as Lambda does for requests at the same time.
func (f *fixture) start() *handler {
	f.t.Helper()
	h, err := newHandler(func(name string) string { return f.env[name] }, f.out, f.patience)
	if err != nil {
		f.t.Fatal(err)
	}
	h.now = func() time.Time { return time.UnixMilli(1767225600123) }
	return h
}

// put writes an item of the allow list.
func (f *fixture) put(item map[string]types.AttributeValue) {
	f.t.Helper()
	if _, err := f.table.PutItem(f.t.Context(), &dynamodb.PutItemInput{TableName: aws.String(allowTable),
		Item: item}); err != nil {
		f.t.Fatal(err)
	}
}

// forget takes the serial off the list and its thing out of the registry.
func (f *fixture) forget() {
	f.t.Helper()
	if _, err := f.table.DeleteItem(f.t.Context(),
		&dynamodb.DeleteItemInput{TableName: aws.String(allowTable), Key: serialKey(serial)}); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.things.DeleteThing(f.t.Context(), &iot.DeleteThingInput{ThingName: aws.String(serial)}); err != nil {
		f.t.Fatal(err)
	}
}

// listed reads the serial's item.
func (f *fixture) listed() map[string]types.AttributeValue {
	f.t.Helper()
	out, err := f.table.GetItem(f.t.Context(),
		&dynamodb.GetItemInput{TableName: aws.String(allowTable), Key: serialKey(serial)})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Item
}

// thing puts a thing into the registry.
func (f *fixture) thing(name string, attributes map[string]string) {
	f.t.Helper()
	if _, err := f.things.CreateThing(f.t.Context(), &iot.CreateThingInput{
		ThingName: aws.String(name), AttributePayload: &iottypes.AttributePayload{Attributes: attributes},
	}); err != nil {
		f.t.Fatal(err)
	}
}

// ask hands the hook an event that must be answered within the time left, and returns the answer.
func (f *fixture) ask(event []byte, left time.Duration) events.IoTPreProvisionHookResponse {
	f.t.Helper()
	start := time.Now()
	ctx, cancel := context.WithDeadline(
		lambdacontext.NewContext(f.t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"}),
		start.Add(left),
	)
	defer cancel()
	text, err := f.Invoke(ctx, event)
	if err != nil {
		f.t.Fatalf("the hook failed: %v", err)
	}
	if took := time.Since(start); took > left {
		f.t.Errorf("the answer took %v of %v", took, left)
	}
	return parseAnswer(f.t, text)
}

// parseAnswer reads an answer as AWS IoT does. A refusal says nothing else.
func parseAnswer(t testing.TB, text []byte) events.IoTPreProvisionHookResponse {
	t.Helper()
	var answer events.IoTPreProvisionHookResponse
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("answer %s: %v", text, err)
	}
	if !answer.AllowProvisioning && string(text) != `{"allowProvisioning":false}` {
		t.Errorf("a refusal is %s", text)
	}
	return answer
}

// line is one line that the hook printed.
type line map[string]any

func (l line) text(name string) string {
	text, _ := l[name].(string)
	return text
}

// printed returns the one line of the log and the one of the metrics that a request makes, and forgets them.
func (f *fixture) printed() (log, metrics line) {
	f.t.Helper()
	text := f.out.String()
	f.out.Reset()
	return parseLines(f.t, text)
}

func parseLines(t testing.TB, text string) (log, metrics line) {
	t.Helper()
	if secrets := []string{"CERTIFICATE", "MIIB", "owner-secret"}; containsAny(text, secrets) {
		t.Errorf("the output has what it must not have, one of %v:\n%s", secrets, text)
	}
	for row := range strings.Lines(text) {
		var l line
		if err := json.Unmarshal([]byte(row), &l); err != nil {
			t.Fatalf("line %q: %v", row, err)
		}
		switch {
		case l["_aws"] != nil && metrics == nil:
			metrics = l
		case l["_aws"] == nil && log == nil:
			log = l
		default:
			t.Fatalf("more than one line:\n%s", text)
		}
	}
	return log, metrics
}

func containsAny(text string, all []string) bool {
	for _, part := range all {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// recorded is the request of testdata/event.json.
func recorded(t testing.TB) events.IoTPreProvisionHookRequest {
	t.Helper()
	text, err := os.ReadFile("testdata/event.json")
	if err != nil {
		t.Fatal(err)
	}
	var request events.IoTPreProvisionHookRequest
	if err := json.Unmarshal(text, &request); err != nil {
		t.Fatal(err)
	}
	return request
}

// changed is the recorded request with changes, as an event. It has one more parameter, which is not an attribute and
// must never be printed.
func changed(t testing.TB, changes ...func(*events.IoTPreProvisionHookRequest)) []byte {
	t.Helper()
	request := recorded(t)
	request.Parameters["token"] = "owner-secret"
	for _, change := range changes {
		change(&request)
	}
	event, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// from makes the request come with another certificate.
func from(id string) func(*events.IoTPreProvisionHookRequest) {
	return func(r *events.IoTPreProvisionHookRequest) { r.CertificateID = id }
}

// with sets a parameter of the device, or removes it with an empty value.
func with(name, value string) func(*events.IoTPreProvisionHookRequest) {
	return func(r *events.IoTPreProvisionHookRequest) {
		delete(r.Parameters, name)
		if value != "" {
			r.Parameters[name] = value
		}
	}
}

// item is an item of the allow list for the recorded serial: attributes of the list, by name.
func item(more map[string]types.AttributeValue) map[string]types.AttributeValue {
	all := maps.Clone(more)
	if all == nil {
		all = map[string]types.AttributeValue{}
	}
	all["serial"] = text(serial)
	return all
}

// parameters is an item with values of the template's parameters.
func parameters(values map[string]string) map[string]types.AttributeValue {
	m := map[string]types.AttributeValue{}
	for name, value := range values {
		m[name] = text(value)
	}
	return item(map[string]types.AttributeValue{"parameters": &types.AttributeValueMemberM{Value: m}})
}
