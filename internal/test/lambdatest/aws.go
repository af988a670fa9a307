// Package lambdatest has what the functions' tests need around them: a stand-in for AWS that can misbehave on demand,
// events, and a Lambda Runtime API server that runs a real bootstrap. Only tests import it.
//
// The stand-in knows the wire formats, not the services' meaning, except that Timestream records and the items of
// BatchWriteItem are kept as the services keep them. What DynamoDB's conditions do is tested against moto.
package lambdatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// Call is one request that reached the stand-in.
type Call struct {
	Action  string // as in a policy document: "dynamodb:UpdateItem"
	Body    []byte
	Path    string // decoded; what S3 and IoT calls are about
	Query   string // as sent
	Attempt int    // how many calls of this action there were, this one included
	Refused bool   // not answered well
}

// Fault is how a call is answered instead of well. The zero Fault answers well.
type Fault struct {
	Status int
	Code   string // the error's code
	Body   string // more members of the error's JSON object, each with a leading comma
	Close  bool   // close the connection without an answer
	Hang   bool   // answer when the caller has gone
	Lose   bool   // let the call take effect where Forward sends it, and close the connection instead of answering
	// Unprocessed is how many items of a BatchWriteItem call, from its end, are answered as unprocessed.
	Unprocessed int
	Raw         string // the whole body of the answer
}

// Faults there are on every AWS service.
var (
	Throttle = &Fault{Status: http.StatusBadRequest, Code: "ThrottlingException"}
	Internal = &Fault{Status: http.StatusInternalServerError, Code: "InternalServerException"}
	Denied   = &Fault{Status: http.StatusBadRequest, Code: "AccessDeniedException"}
	Closed   = &Fault{Close: true}
	Hung     = &Fault{Hang: true}
	Lost     = &Fault{Lose: true}
)

// AWS is a stand-in for every service that the functions call.
type AWS struct {
	URL string

	mu      sync.Mutex
	calls   []Call
	counts  map[string]int
	fault   func(Call) *Fault
	forward http.Handler // gives the good answers; nil: the stand-in itself
	records map[string]Stored
	items   map[string]string // of BatchWriteItem calls, see Items
	secret  string
}

// StartAWS starts a stand-in that ends with the test.
func StartAWS(t testing.TB) *AWS {
	t.Helper()
	a := &AWS{counts: map[string]int{}, records: map[string]Stored{}, items: map[string]string{}}
	server := httptest.NewServer(mototest.Start(t).Checked(t, a))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

// Misbehave makes fault decide about each call; nil is a good answer.
func (a *AWS) Misbehave(fault func(Call) *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = fault
}

// Keep makes text the value of every secret.
func (a *AWS) Keep(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.secret = text
}

// Forward has what does not misbehave answered by the server at a base address, such as moto's.
func (a *AWS) Forward(t testing.TB, to string) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forward = httputil.NewSingleHostReverseProxy(target)
}

// Calls returns the calls of an action, or of all for "".
func (a *AWS) Calls(action string) []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	if action == "" {
		return slices.Clone(a.calls)
	}
	var out []Call
	for _, c := range a.calls {
		if c.Action == action {
			out = append(out, c)
		}
	}
	return out
}

// Actions returns the set of actions that were called, sorted.
func (a *AWS) Actions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for action := range a.counts {
		out = append(out, action)
	}
	slices.Sort(out)
	return out
}

// ServeHTTP records a call and answers it, well or as told.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller has gone
	}
	call := Call{Action: action(r, body), Body: body, Path: r.URL.Path, Query: r.URL.RawQuery}
	a.mu.Lock()
	a.counts[call.Action]++
	call.Attempt = a.counts[call.Action]
	a.calls = append(a.calls, call)
	index, decide, forward := len(a.calls)-1, a.fault, a.forward
	a.mu.Unlock()

	var fault *Fault
	if decide != nil {
		fault = decide(call)
	}
	if fault == nil && call.Action == "timestream:WriteRecords" {
		fault = a.writeRecords(body)
	}
	if call.Action == "dynamodb:BatchWriteItem" && forward == nil && (fault == nil || fault.Unprocessed > 0) {
		fault = a.batchWriteItem(body, fault)
	}
	a.mu.Lock()
	a.calls[index].Refused = fault != nil
	a.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case fault == nil && forward != nil:
		forward.ServeHTTP(w, r)
	case fault == nil:
		a.good(w, call)
	case fault.Raw != "":
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Raw) // the caller may have gone
	case fault.Lose:
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case fault.Close:
		panic(http.ErrAbortHandler)
	case fault.Hang:
		<-r.Context().Done()
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.WriteHeader(fault.Status)
		// A map of texts always has a form in CBOR; the caller may have gone.
		_ = cbor.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws#" + fault.Code,
			"message": "made for a test"})
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amzn-ErrorType", fault.Code)
		w.WriteHeader(fault.Status)
		fmt.Fprintf(w, `{"__type":"com.amazonaws#%s","message":"made for a test"%s}`, fault.Code, fault.Body)
	}
}

func (a *AWS) good(w http.ResponseWriter, call Call) {
	answer := `{}`
	switch {
	case call.Action == "timestream:DescribeEndpoints":
		answer = fmt.Sprintf(
			`{"Endpoints":[{"Address":%q,"CachePeriodInMinutes":1440}]}`,
			strings.TrimPrefix(a.URL, "http://"),
		)
	case call.Action == "secretsmanager:GetSecretValue":
		a.mu.Lock()
		answer = fmt.Sprintf(`{"SecretString":%q}`, a.secret)
		a.mu.Unlock()
	case strings.HasPrefix(call.Action, "sns:"):
		answer = `<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>`
	case strings.HasPrefix(call.Action, "s3:"):
		answer = ""
	}
	_, _ = io.WriteString(w, answer) // the caller may have gone
}

// action tells from the wire format what is called, in the words of a policy document.
func action(r *http.Request, body []byte) string {
	services := map[string]string{
		"Timestream_20181101": "timestream",
		"DynamoDB_20120810":   "dynamodb",
		"Firehose_20150804":   "firehose",
		"AmazonSQS":           "sqs",
		"secretsmanager":      "secretsmanager",
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		service, operation, _ := strings.Cut(target, ".")
		if known, ok := services[service]; ok {
			return known + ":" + operation
		}
		return target
	}
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("Action") {
		return "sns:" + form.Get("Action")
	}
	if action := iotAction(r); action != "" {
		return action
	}
	if _, operation, ok := strings.Cut(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/"); ok {
		return "cloudwatch:" + operation
	}
	if r.Method == http.MethodPut {
		return "s3:PutObject"
	}
	return r.Method + " " + r.URL.Path
}

// iotAction tells what is called of AWS IoT, "" if nothing is.
func iotAction(r *http.Request) string {
	const shadows = "/api/things/shadow/ListNamedShadowsForThing/"
	switch thing := strings.HasPrefix(r.URL.Path, "/things/"); {
	case thing && strings.HasSuffix(r.URL.Path, "/shadow") && r.Method == http.MethodPost:
		return "iot:UpdateThingShadow"
	case thing && strings.HasSuffix(r.URL.Path, "/shadow"):
		return "iot:GetThingShadow"
	case thing && strings.HasSuffix(r.URL.Path, "/principals"):
		return "iot:ListThingPrincipals"
	case strings.HasPrefix(r.URL.Path, shadows):
		return "iot:ListNamedShadowsForThing"
	case strings.HasPrefix(r.URL.Path, "/certificates/"):
		return "iot:DescribeCertificate"
	case strings.HasPrefix(r.URL.Path, "/topics/"):
		return "iot:Publish"
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/") && strings.HasSuffix(r.URL.Path, "/invocations"):
		return "lambda:InvokeFunction"
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/things/"):
		return "iot:DescribeThing"
	}
	return ""
}

// Letters returns the bodies of the SQS messages that were accepted, decoded, in the order of arrival.
func (a *AWS) Letters(t testing.TB) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, call := range a.Calls("sqs:SendMessage") {
		if call.Refused {
			continue
		}
		var message struct{ MessageBody string }
		var letter map[string]any
		if err := json.Unmarshal(call.Body, &message); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(message.MessageBody), &letter); err != nil {
			t.Fatal(err)
		}
		out = append(out, letter)
	}
	return out
}

// Stored is a Timestream record as kept: the newest version.
type Stored struct {
	Values  map[string]string // measure name to value
	Types   map[string]string
	Version int64
}

type wireRecord struct {
	Dimensions                []struct{ Name, Value string }
	MeasureName, MeasureValue string
	MeasureValueType          string
	MeasureValues             []struct{ Name, Value, Type string }
	Time, TimeUnit            string
	Version                   int64
}

// writeRecords keeps records as Timestream does [AWS 6.1 Upsert]: a higher version replaces, the same version with
// other values is rejected by itself while its neighbours are kept.
func (a *AWS) writeRecords(body []byte) *Fault {
	var input struct {
		CommonAttributes wireRecord
		Records          []wireRecord
	}
	if err := json.Unmarshal(body, &input); err != nil || len(input.Records) == 0 || len(input.Records) > 100 {
		return &Fault{Status: http.StatusBadRequest, Code: "ValidationException"}
	}
	var rejected []string
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, record := range input.Records {
		key, stored := record.stored(input.CommonAttributes)
		if old, ok := a.records[key]; ok &&
			(old.Version > stored.Version || old.Version == stored.Version && !same(old, stored)) {
			rejected = append(
				rejected,
				fmt.Sprintf(
					`{"RecordIndex":%d,"ExistingVersion":%d,"Reason":"a version is there already"}`,
					i,
					old.Version,
				),
			)
			continue
		}
		a.records[key] = stored
	}
	if rejected != nil {
		return Reject(strings.Join(rejected, ","))
	}
	return nil
}

// Reject is Timestream's answer when some records were not taken; rejected are the elements of RejectedRecords.
func Reject(rejected string) *Fault {
	return &Fault{Status: 419, Code: "RejectedRecordsException", Body: `,"RejectedRecords":[` + rejected + `]`}
}

func (r wireRecord) stored(common wireRecord) (string, Stored) {
	dimensions := append(slices.Clone(common.Dimensions), r.Dimensions...)
	name, kind := r.MeasureName+common.MeasureName, r.MeasureValueType
	if kind == "" {
		kind = common.MeasureValueType
	}
	out := Stored{Values: map[string]string{}, Types: map[string]string{}, Version: r.Version}
	if kind != "MULTI" {
		out.Values[name], out.Types[name] = r.MeasureValue, kind
	}
	for _, v := range r.MeasureValues {
		out.Values[v.Name], out.Types[v.Name] = v.Value, v.Type
	}
	device := ""
	for _, d := range dimensions {
		device += d.Name + "=" + d.Value
	}
	return device + " " + name + " " + r.Time, out
}

func same(a, b Stored) bool {
	if len(a.Values) != len(b.Values) {
		return false
	}
	for name, value := range a.Values {
		if b.Values[name] != value || b.Types[name] != a.Types[name] {
			return false
		}
	}
	return true
}

// Records returns what Timestream holds: "device_id=NAME MEASURE TIME" to the record.
func (a *AWS) Records() map[string]Stored {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]Stored{}
	for k, v := range a.records {
		out[k] = v
	}
	return out
}

// Getenv is an environment for a function that calls this stand-in; more is added to it or replaces it.
func (a *AWS) Getenv(more map[string]string) func(string) string {
	env := a.Env(more)
	return func(name string) string { return env[name] }
}

// Env is Getenv's environment.
func (a *AWS) Env(more map[string]string) map[string]string {
	env := map[string]string{
		"AWS_REGION":                    "us-east-1",
		"AWS_ACCESS_KEY_ID":             "test",
		"AWS_SECRET_ACCESS_KEY":         "test",
		"AWS_ENDPOINT_URL":              a.URL,
		"AWS_ENABLE_ENDPOINT_DISCOVERY": "false",
		"AWS_LAMBDA_LOG_LEVEL":          "INFO",
		contract.EnvPipeline:            "greenhouse",
		contract.EnvTopicPrefix:         "greenhouse",
		contract.EnvDeviceTable:         "greenhouse",
		contract.EnvDeadLetterQueueURL:  a.URL + "/123456789012/greenhouse-dead-letters",
		contract.EnvDeadLetterBucket:    "greenhouse-archive",
		contract.EnvDeadLetterPrefix:    "dead-letters/",
		contract.EnvTimestreamDatabase:  "greenhouse",
		contract.EnvTimestreamTable:     "telemetry",
		contract.EnvAlertTopicARN:       "arn:aws:sns:us-east-1:123456789012:greenhouse-alerts",
		contract.EnvDataEndpoint:        a.URL,
		contract.EnvMetricsTable:        "greenhouse-metrics",
		contract.EnvMetricsKeepDays:     "30",
		contract.EnvAllowListTable:      "greenhouse-allow-list",
		contract.EnvTemplateARN:         "arn:aws:iot:us-east-1:123456789012:provisioningtemplate/greenhouse",
		contract.EnvOwner:               "owner-token",
		contract.EnvAttributes:          "bay",
	}
	for name, value := range more {
		env[name] = value
	}
	return env
}
