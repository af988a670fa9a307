package operate

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
)

const bucket = "farm-123456789012-us-east-1"

// farm is a pipeline on a local AWS: moto, the functions below, and a proxy that lets requests fail before both.
type farm struct {
	*mototest.Server
	*awsapi.Clients
	*deployed.Pipeline
	t     *testing.T
	proxy *faultproxy.Proxy

	mu sync.Mutex
	// stored is what the processor stores, by what its stores know a message by: thing, arrival and name.
	stored map[string]string
	// events are the other functions' events.
	events []string
	// refuse are things whose messages the processor cannot store for now, and crash those at which it fails.
	refuse, crash string
}

// newFarm makes what a redrive needs of a pipeline. With queued, a queue takes the place of the stream.
func newFarm(t *testing.T, queued bool) *farm {
	t.Helper()
	t.Parallel()
	f := &farm{Server: mototest.Start(t), t: t, stored: map[string]string{}}
	target := must(url.Parse(f.URL))(t)
	mux := http.NewServeMux()
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	mux.Handle("/", forward)
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", f.serve)
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	f.proxy = faultproxy.Start(t, front.URL)
	config := f.Config(t)
	config.BaseEndpoint = &f.proxy.URL
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	f.Clients = awsapi.New(config, awsapi.Options{Unlimited: true, S3UsePathStyle: true,
		Clock: awsapi.NewInstantClock()}).WithAccount(mototest.AccountID)
	ctx := t.Context()
	must(f.S3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}))(t)
	must(f.SQS().CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("farm-dead-letters")}))(t)
	parts := map[string]contract.ManifestPart{
		contract.KeyDeadLetters: {Name: "farm-dead-letters"}, contract.KeyBucket: {Name: bucket},
		"function/processor": {Name: "farm-processor"}, "function/alerts": {Name: "farm-alerts"},
		"function/metrics": {Name: "farm-metrics"}, "rule/telemetry": {Name: "farm_telemetry"},
		"rule/status": {Name: "farm_status"}, "rule/alerts": {Name: "farm_alerts"},
	}
	if queued {
		must(f.SQS().CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("farm-messages")}))(t)
		parts[contract.KeyQueue] = contract.ManifestPart{Name: "farm-messages"}
	} else {
		must(f.Kinesis().CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("farm"),
			ShardCount: aws.Int32(1)}))(t)
		parts[contract.KeyStream] = contract.ManifestPart{Name: "farm"}
	}
	text := must(contract.FormatManifest(contract.Manifest[struct{}]{Version: contract.ManifestVersion, ID: "token",
		Name: "farm", TopicPrefix: "farm", Region: mototest.Region, Parts: parts}))(t)
	must(f.SSM().PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(contract.ManifestName("farm")), Value: &text,
		Type: ssmtypes.ParameterTypeString}))(t)
	f.Pipeline = must(deployed.Find(ctx, f.Clients, "farm"))(t)
	f.proxy.Clear()
	return f
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// serve runs the functions.
func (f *farm) serve(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.PathValue("name") != "farm-processor" {
		f.events = append(f.events, r.PathValue("name")+" "+string(event))
		io.WriteString(w, "null")
		return
	}
	records, err := stream.Parse(event)
	if err != nil {
		f.t.Errorf("the processor cannot read %s: %v", event, err)
	}
	var failed []map[string]string
	for i, record := range records {
		if f.crash != "" && record.PartitionKey == f.crash {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			io.WriteString(w, `{"errorMessage":"boom"}`)
			return
		}
		if f.refuse != "" && record.PartitionKey == f.refuse {
			if record.MessageID == "" { // of a stream, this and all after it
				failed = append(failed, map[string]string{"itemIdentifier": record.SequenceNumber})
				break
			}
			failed = append(failed, map[string]string{"itemIdentifier": record.MessageID})
			continue
		}
		f.stored[fmt.Sprintf("%s %d %s", record.PartitionKey, record.ArrivalMillis, record.SequenceNumber)] +=
			strings.Clone(records[i].Data) + "\n"
	}
	json.NewEncoder(w).Encode(map[string]any{"batchItemFailures": failed})
}

// queueURL is the address of a queue.
func (f *farm) queueURL(name string) *string {
	return aws.String(f.proxy.URL + "/" + mototest.AccountID + "/" + name)
}

// letter puts a letter into the queue.
func (f *farm) letter(body string) {
	f.t.Helper()
	must(f.SQS().SendMessage(f.t.Context(), &sqs.SendMessageInput{QueueUrl: f.queueURL("farm-dead-letters"),
		MessageBody: &body}))(f.t)
}

// visible is how many messages of a queue can be received.
func (f *farm) visible(queue string) string {
	f.t.Helper()
	return must(f.SQS().GetQueueAttributes(f.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: f.queueURL(queue),
		AttributeNames: []sqstypes.QueueAttributeName{"ApproximateNumberOfMessages"}}))(
		f.t,
	).Attributes["ApproximateNumberOfMessages"]
}

// batch puts a failed batch of a function into the bucket.
func (f *farm) batch(key, function, event string) {
	f.t.Helper()
	text := must(json.Marshal(map[string]any{"timestamp": "2026-01-02T03:00:00.000Z", "payload": event,
		"requestContext": map[string]string{"condition": "RetriesExhausted",
			"functionArn": "arn:aws:lambda:us-east-1:123456789012:function:" + function}}))(f.t)
	must(f.S3().PutObject(f.t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key,
		Body: strings.NewReader(string(text))}))(f.t)
}

// streamed are the records of the stream, as "key data".
func (f *farm) streamed() []string {
	f.t.Helper()
	ctx, name := f.t.Context(), aws.String("farm")
	shard := must(f.Kinesis().ListShards(ctx, &kinesis.ListShardsInput{StreamName: name}))(f.t).Shards[0]
	start := must(f.Kinesis().GetShardIterator(ctx, &kinesis.GetShardIteratorInput{StreamName: name,
		ShardId: shard.ShardId, ShardIteratorType: "TRIM_HORIZON"}))(f.t)
	var all []string
	for _, r := range must(f.Kinesis().GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: start.ShardIterator}))(
		f.t,
	).Records {
		all = append(all, *r.PartitionKey+" "+string(r.Data))
	}
	return all
}

// redrive runs one and returns what it told.
func (f *farm) redrive(r Redrive) (Redriven, string, error) {
	f.t.Helper()
	var told []string
	done, err := ResendDeadLetters(f.t.Context(), f.Pipeline, r, func(message string) { told = append(told, message) })
	return done, strings.Join(told, "\n"), err
}

// has compares what the processor has stored: "thing arrival name" and the payload, however often it came.
func (f *farm) has(want ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []string
	for _, key := range slices.Sorted(maps.Keys(f.stored)) {
		copies := strings.Split(strings.TrimSuffix(f.stored[key], "\n"), "\n")
		got = append(got, key+": "+strings.Join(slices.Compact(copies), "\n"))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.t.Errorf("the processor has stored %q, want %q", got, want)
	}
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }
