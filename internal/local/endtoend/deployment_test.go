// Package endtoend_test runs whole pipelines as a user does: Terraform applies them to a local AWS, the local runtime
// runs them, and devices connect over mutual TLS with the certificates that the pipeline made.
package endtoend_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/simulate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// name is the pipeline's.
const name = "gh-e2e"

// patience is how long a test waits for one thing on a busy machine.
const patience = 2 * time.Minute

func TestMain(m *testing.M) { tftest.Main(m) }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// deployment is an applied pipeline that runs.
type deployment struct {
	*tftest.Project
	server  *mototest.Server
	aws     *awsapi.Clients
	runtime *local.Runtime
	devices map[string]contract.Bundle

	mu     sync.Mutex
	events []runlog.Event
	told   chan struct{} // of size 1
}

// deploy applies the configuration and runs the pipeline.
func deploy(t *testing.T, pipeline string, change ...func(*local.Options)) *deployment {
	t.Helper()
	server := mototest.Start(t)
	w := &deployment{
		Project: tftest.New(t, server.Env()...),
		server:  server,
		told:    make(chan struct{}, 1),
		devices: map[string]contract.Bundle{},
	}
	w.aws = awsapi.NewLocal(w.server.Config(t))
	w.Write("main.tf", tftest.Header+"provider \"iot\" {\n  s3_use_path_style = true\n}\n\n"+pipeline)
	w.Apply()
	o := local.Options{Config: w.server.Config(t), Pipeline: name, MQTTAddr: "127.0.0.1:0", StateDir: t.TempDir(),
		Events: w.note, Refresh: 200 * time.Millisecond, RetryDelay: 50 * time.Millisecond,
		WatchInterval: 200 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	var err error
	w.runtime, err = local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.runtime.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	manifest := must(local.ReadManifest(t.Context(), w.aws, name))(t)
	bundles, _, err := simulate.Bundles(t.Context(), w.aws, manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bundles {
		w.devices[b.Thing] = b
	}
	return w
}

func (w *deployment) note(e runlog.Event) {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.mu.Unlock()
	select {
	case w.told <- struct{}{}:
	default:
	}
}

// count is how many events the test accepts.
func (w *deployment) count(accept func(runlog.Event) bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if accept(e) {
			n++
		}
	}
	return n
}

// await waits until n events are such.
func (w *deployment) await(t *testing.T, n int, accept func(runlog.Event) bool) {
	t.Helper()
	timeout := time.After(patience)
	for w.count(accept) < n {
		select {
		case <-w.told:
		case <-timeout:
			t.Fatalf("got %d such events, want %d", w.count(accept), n)
		}
	}
}

func (w *deployment) drain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.runtime.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// device is a connected device.
type device struct {
	contract.Bundle
	paho.Client
	commands chan string
}

// try connects with the device's certificate under the client ID.
func (w *deployment) try(t *testing.T, thing, clientID string) (paho.Client, error) {
	t.Helper()
	b := w.devices[thing]
	pair := must(tls.X509KeyPair([]byte(b.CertificatePEM), []byte(b.PrivateKey)))(t)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + w.runtime.MQTTAddr()).SetClientID(clientID).
		SetAutoReconnect(false).SetProtocolVersion(4).SetConnectTimeout(patience).SetPingTimeout(patience).
		SetTLSConfig(&tls.Config{RootCAs: w.runtime.Authority().Pool(), Certificates: []tls.Certificate{pair}}))
	token := c.Connect()
	if !token.WaitTimeout(patience) {
		t.Fatal("no answer to CONNECT")
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c, token.Error()
}

// connect connects the device as itself, listening for commands.
func (w *deployment) connect(t *testing.T, thing string) *device {
	t.Helper()
	c := must(w.try(t, thing, thing))(t)
	d := &device{Bundle: w.devices[thing], Client: c, commands: make(chan string, 100)}
	token := c.Subscribe(d.Topics.Commands, 1,
		func(_ paho.Client, m paho.Message) { d.commands <- string(m.Payload()) })
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("subscribing to %s: %v", d.Topics.Commands, token.Error())
	}
	return d
}

// send publishes telemetry and waits for the acknowledgement.
func (d *device) send(t *testing.T, payload string) {
	t.Helper()
	d.publish(t, d.Topics.Telemetry, payload)
}

func (d *device) publish(t *testing.T, topic, payload string) {
	t.Helper()
	token := d.Publish(topic, 1, false, payload)
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("publishing to %s: %v", topic, token.Error())
	}
}

// command is the next command that the device gets.
func (d *device) command(t *testing.T) string {
	t.Helper()
	select {
	case c := <-d.commands:
		return c
	case <-time.After(patience):
		t.Fatalf("device %s got no command", d.Thing)
		return ""
	}
}

// stored are the records of a device in Timestream: time in milliseconds → measure → value and type.
func (w *deployment) stored(t *testing.T, thing string) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, r := range w.server.TimestreamRecords(t, name, "telemetry") {
		mine := false
		for _, d := range r.Dimensions {
			mine = mine || d.Value == thing
		}
		if !mine {
			continue
		}
		if all[r.Time] == nil {
			all[r.Time] = map[string]string{}
		}
		if r.MeasureValueType != "MULTI" {
			all[r.Time][r.MeasureName] = r.MeasureValue + " " + r.MeasureValueType
		}
		for _, m := range r.MeasureValues {
			all[r.Time][m.Name] = m.Value + " " + m.Type
		}
	}
	return all
}

// letters is how many dead letters there are.
func (w *deployment) letters(t *testing.T) int {
	t.Helper()
	out := must(
		w.aws.SQS().GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl:       aws.String(w.server.URL + "/" + mototest.AccountID + "/" + name + "-dead-letters"),
			AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages},
		}),
	)(t)
	n := 0
	fmt.Sscan(out.Attributes["ApproximateNumberOfMessages"], &n)
	return n
}

// takeLetters removes the dead letters and returns their texts.
func (w *deployment) takeLetters(t *testing.T) []string {
	t.Helper()
	queue := aws.String(w.server.URL + "/" + mototest.AccountID + "/" + name + "-dead-letters")
	var all []string
	for w.letters(t) > 0 {
		for _, m := range must(w.aws.SQS().ReceiveMessage(t.Context(),
			&sqs.ReceiveMessageInput{QueueUrl: queue, MaxNumberOfMessages: 10}))(t).Messages {
			all = append(all, *m.Body)
			must(w.aws.SQS().DeleteMessage(t.Context(),
				&sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle}))(t)
		}
	}
	return all
}

func refused(thing, action string) func(runlog.Event) bool {
	return func(e runlog.Event) bool {
		return e.Kind == runlog.Refused && e.Thing == thing && strings.Contains(e.Action, action)
	}
}
