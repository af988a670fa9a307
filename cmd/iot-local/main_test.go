package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// deploy makes a pipeline of one device and one rule, which sends telemetry to a queue.
func deploy(t *testing.T, c *awsapi.Clients) (queue string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	q, err := c.SQS().CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q")})
	must(err)
	_, err = c.IoT().CreateTopicRule(
		ctx,
		&iot.CreateTopicRuleInput{RuleName: aws.String("gh_telemetry"), TopicRulePayload: &types.TopicRulePayload{
			Sql: aws.String("SELECT * FROM 'gh/+/telemetry'"), AwsIotSqlVersion: aws.String("2016-03-23"),
			Actions: []types.Action{{Sqs: &types.SqsAction{QueueUrl: q.QueueUrl, RoleArn: aws.String("r")}}}}},
	)
	must(err)
	group, err := c.IoT().CreateThingGroup(ctx, &iot.CreateThingGroupInput{ThingGroupName: aws.String("gh")})
	must(err)
	_, err = c.IoT().CreatePolicy(
		ctx,
		&iot.CreatePolicyInput{
			PolicyName:     aws.String("gh"),
			PolicyDocument: aws.String(`{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}`),
		},
	)
	must(err)
	_, err = c.IoT().AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: aws.String("gh"),
		Target: group.ThingGroupArn})
	must(err)
	_, err = c.IoT().CreateThing(ctx, &iot.CreateThingInput{ThingName: aws.String("soil-001")})
	must(err)
	_, err = c.IoT().AddThingToThingGroup(ctx,
		&iot.AddThingToThingGroupInput{ThingName: aws.String("soil-001"), ThingGroupName: aws.String("gh")})
	must(err)
	keys, err := c.IoT().CreateKeysAndCertificate(ctx, &iot.CreateKeysAndCertificateInput{SetAsActive: true})
	must(err)
	_, err = c.IoT().AttachThingPrincipal(ctx,
		&iot.AttachThingPrincipalInput{ThingName: aws.String("soil-001"), Principal: keys.CertificateArn})
	must(err)
	bundle, err := json.Marshal(map[string]any{
		"thing":           "soil-001",
		"certificate_pem": keys.CertificatePem,
		"private_key":     keys.KeyPair.PrivateKey,
		"topics": map[string]string{
			"telemetry": "gh/soil-001/telemetry",
			"status":    "gh/soil-001/status",
			"commands":  "gh/soil-001/commands",
		},
	})
	must(err)
	_, err = c.SSM().PutParameter(ctx, &ssm.PutParameterInput{
		Name:  aws.String("/iot-pipeline/gh/devices/soil-001"),
		Type:  "SecureString",
		Value: aws.String(string(bundle)),
	})
	must(err)
	return *q.QueueUrl
}

// process is a subcommand that runs, with its JSON output.
type process struct {
	events chan runlog.Event
	ended  chan error
	stop   context.CancelFunc
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	p := &process{events: make(chan runlog.Event, 1000), ended: make(chan error, 1), stop: cancel}
	go func() {
		err := dispatch(ctx, append(args, "--json"), w)
		w.Close()
		p.ended <- err
	}()
	go func() {
		defer close(p.events)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var e runlog.Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("output line %s: %v", lines.Text(), err)
			}
			p.events <- e
		}
	}()
	t.Cleanup(cancel)
	return p
}

func (p *process) await(t *testing.T, accept func(runlog.Event) bool) runlog.Event {
	t.Helper()
	timeout := time.After(60 * time.Second)
	for {
		select {
		case e, ok := <-p.events:
			if !ok {
				t.Fatalf("ended with %v before the event came", <-p.ended)
			}
			if accept(e) {
				return e
			}
		case <-timeout:
			t.Fatal("no such event")
		}
	}
}

func ready(e runlog.Event) bool { return e.Kind == runlog.Ready }

func TestRunAndSimulate(t *testing.T) {
	server := mototest.Start(t)
	for _, kv := range server.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	c := awsapi.NewLocal(server.Config(t))
	queue := deploy(t, c)
	state := t.TempDir()

	pipeline := start(t, "run", "gh", "--mqtt", "127.0.0.1:0", "--state", state, "--http", "127.0.0.1:0",
		"--page=127.0.0.1:0")
	e := pipeline.await(t, ready)
	if !strings.Contains(e.Detail, "HTTP on http://127.0.0.1:") {
		t.Errorf("the ready line %q does not say where the HTTP API is", e.Detail)
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(e.Detail)
	if address == "" || !strings.Contains(e.Detail, filepath.Join(state, "ca.pem")) {
		t.Fatalf("the ready line %q does not say where to connect and whom to trust", e.Detail)
	}
	shown := pipeline.await(t, ready)
	page, token, ok := strings.Cut(strings.TrimPrefix(shown.Detail, "page on "), "#token=")
	if !ok {
		t.Fatalf("the line %q does not say where the page is", shown.Detail)
	}
	devices := start(t, "simulate", "--broker", address, "--ca", filepath.Join(state, "ca.pem"), "--interval", "20ms",
		"--faults", "0", "--devices", "soil-001", "gh")
	devices.await(t, ready)
	pipeline.await(t,
		func(e runlog.Event) bool { return e.Kind == runlog.Acted && e.Rule == "gh_telemetry" && e.Error == "" })

	if got := pageOf(t, page, token); !strings.Contains(got, `"id":"rule:gh_telemetry"`) {
		t.Errorf("the page knows %s", got)
	}
	devices.stop()
	for range devices.events {
	}
	pipeline.stop()
	for range pipeline.events {
	}
	for name, p := range map[string]*process{"simulate": devices, "run": pipeline} {
		if err := <-p.ended; err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	}
	out, err := c.SQS().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue})
	if err != nil || len(out.Messages) == 0 || !strings.Contains(*out.Messages[0].Body, "soil_moisture") {
		t.Errorf("got %v from the queue, error %v", out, err)
	}
}

// pageOf asks the page's server what runs.
func pageOf(t *testing.T, address, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"api/pipeline", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s, %v", answer.Status, err)
	}
	return string(text)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	server := mototest.Start(t)
	for _, kv := range server.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	deploy(t, awsapi.NewLocal(server.Config(t)))
	for _, c := range []struct{ args, want string }{
		{"dance", "the commands are up, aws, run, simulate and alarm"},
		{"run", "missing pipeline name"},
		{"run gh extra", `unexpected argument "extra"`},
		{"run gh --all", `--all runs every pipeline: leave out "gh"`},
		{"run nowhere --mqtt 127.0.0.1:0", "apply it first, or check name, region and endpoint"},
		{"run gh --function processor", "want NAME=PATH"},
		{"run gh --issuer-ca /nonexistent/ca.pem", "certificate authority of the tokens' issuer"},
		{"run gh --mqtt 127.0.0.1:0 --http 203.0.113.1:80", "listening for HTTP"},
		{"simulate gh --devices soil-009", `no stored credentials for device "soil-009"`},
		{"simulate gh --format xml", `unknown format "xml"; the formats are json, flat`},
		{"simulate gh --compression zip", `unknown compression "zip"; the compressions are gzip`},
		{"simulate gh --ca /nonexistent/ca.pem", "start iot-local run first"},
	} {
		err := dispatch(t.Context(), strings.Fields(c.args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("iot-local %s: got error %v, want one with %q", c.args, err, c.want)
		}
	}
}

// TestSimulateWarnsAboutTheFormat: the telemetry settings in the pipeline's manifest decide which formats it reads.
func TestSimulateWarnsAboutTheFormat(t *testing.T) {
	server := mototest.Start(t)
	for _, kv := range server.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	c := awsapi.NewLocal(server.Config(t))
	deploy(t, c)
	for _, run := range []struct{ settings, args, want string }{
		{`{"data_field":"data","time_field":"timestamp"}`, "", ""},
		{`{"data_field":"data","time_field":"timestamp","format":"cbor"}`, "--format cbor", ""},
		{`{"format":"cbor"}`, "", "dead letter (not_cbor); they fit --format cbor"},
		{`{"data_field":"values"}`, "--format json", "other measures or times"},
		{`{"format":"of a later version"}`, "", ""},
	} {
		manifest := fmt.Sprintf(`{"version":1,"name":"gh","spec":{"telemetry":%s}}`, run.settings)
		put := &ssm.PutParameterInput{Name: aws.String(contract.ManifestName("gh")), Type: "String",
			Value: &manifest, Overwrite: aws.Bool(true)}
		if _, err := c.SSM().PutParameter(t.Context(), put); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		args := strings.Fields("simulate gh --quiet --ca /nonexistent/ca.pem " + run.args)
		if err := dispatch(t.Context(), args, &out); err == nil || !strings.Contains(err.Error(), "/nonexistent/ca.pem") {
			t.Errorf("%+v: got error %v", run, err)
		}
		if got := out.String(); run.want == "" && got != "" || !strings.Contains(got, run.want) {
			t.Errorf("%+v: printed %q", run, got)
		}
	}
}

func TestOutputForPeople(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, false, false)
	at := time.Date(2026, 11, 21, 10, 0, 0, 5e6, time.UTC)
	p.print(runlog.Event{
		Time:     at,
		Kind:     runlog.Acted,
		Thing:    "soil-001",
		Topic:    "gh/soil-001/telemetry",
		Rule:     "gh_telemetry",
		Action:   "kinesis",
		Target:   "gh",
		Duration: 1500 * time.Microsecond,
	})
	p.print(runlog.Event{
		Time:   at,
		Kind:   runlog.Refused,
		Thing:  "soil-002",
		Topic:  "gh/soil-001/telemetry",
		Action: "iot:Publish",
		Detail: "no policy allows it",
	})
	p.print(runlog.Event{
		Time:   at,
		Kind:   runlog.Acted,
		Rule:   "gh_archive",
		Action: "s3",
		Target: "b/k",
		Error:  "NoSuchBucket",
	})
	want := `10:00:00.005  acted         soil-001          gh/soil-001/telemetry             gh_telemetry              kinesis → gh  1.5ms
10:00:00.005  refused       soil-002          gh/soil-001/telemetry             iot:Publish  no policy allows it
10:00:00.005  acted                           gh_archive                s3 → b/k  error: NoSuchBucket
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	p.summary()
	for _, line := range []string{"acted         gh_archive s3", "1 failed", "1.5ms on average", "refused"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the summary lacks %q:\n%s", line, out.String())
		}
	}
}

func TestColoursAndQuiet(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, false, true)
	p.colour = true
	p.print(runlog.Event{Kind: runlog.Received, Thing: "soil-001"})
	if out.Len() != 0 {
		t.Errorf("quiet printed %q", out.String())
	}
	p.print(runlog.Event{Kind: runlog.Failed, Error: "no"})
	if want := fmt.Sprintf("\x1b[%sm", red); !strings.Contains(out.String(), want) {
		t.Errorf("got %q, want it red", out.String())
	}
}

func TestADeviceCannotWriteToTheTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, false, false)
	p.print(runlog.Event{Kind: runlog.Acted, Thing: "a\x1b[2J", Topic: "t\r\n12:00  ready", Action: "s3",
		Target: "b/k\u009b\nx", Error: "line 1\n  line 2\x07"})
	got := out.String()
	if strings.ContainsAny(got, "\x1b\r\x07\u009b") || strings.Count(got, "\n") != 2 ||
		!strings.Contains(got, "line 1\n  line 2") {
		t.Errorf("printed %q", got)
	}
}
