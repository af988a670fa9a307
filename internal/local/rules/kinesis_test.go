package rules

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

func sprint(v any) string { return fmt.Sprint(v) }

func toStream(name string) types.Action {
	return types.Action{Kinesis: &types.KinesisAction{StreamName: &name, PartitionKey: aws.String("${topic(2)}")}}
}

// flaky is a Kinesis that refuses: every third call as a whole, and in other calls every fifth record.
type flaky struct {
	mu       sync.Mutex
	calls    int
	records  int
	accepted map[string][]string // data by partition key, in order of acceptance
	refused  int
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in struct {
		Records []struct {
			Data         []byte
			PartitionKey string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if f.calls++; f.calls%3 == 0 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded for shard"}`)
		return
	}
	type entry struct{ SequenceNumber, ShardId, ErrorCode, ErrorMessage *string }
	out := struct{ Records []entry }{}
	for _, record := range in.Records {
		if f.records++; f.records%5 == 0 {
			f.refused++
			out.Records = append(
				out.Records,
				entry{
					ErrorCode:    aws.String("ProvisionedThroughputExceededException"),
					ErrorMessage: aws.String("slow down"),
				},
			)
			continue
		}
		f.accepted[record.PartitionKey] = append(f.accepted[record.PartitionKey], string(record.Data))
		out.Records = append(out.Records, entry{SequenceNumber: aws.String("1"), ShardId: aws.String("s")})
	}
	json.NewEncoder(w).Encode(out) // a client that has gone is noticed by the test
}

func stubConfig(url string) aws.Config {
	return aws.Config{
		Region:                    "us-east-1",
		BaseEndpoint:              &url,
		DisableRequestCompression: true,
		Credentials:               credentials.NewStaticCredentialsProvider("stub", "stub", ""),
		Retryer:                   func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func TestKinesisKeepsTheOrderPerKeyThroughRefusals(t *testing.T) {
	f := &flaky{accepted: map[string][]string{}}
	server := httptest.NewServer(f)
	defer server.Close()
	r := newRig(t, stubConfig(server.URL))
	r.set(t, newRule("t", "SELECT * FROM 'gh/+/telemetry'", toStream("s")))
	const devices, each = 5, 40
	want := map[string][]string{}
	var senders sync.WaitGroup
	for d := range devices {
		name := fmt.Sprintf("d%d", d)
		for n := range each {
			want[name] = append(want[name], fmt.Sprintf(`{"n":%d}`, n))
		}
		mine := want[name]
		senders.Go(func() {
			for _, payload := range mine {
				r.Handle(message.New("gh/"+name+"/telemetry", []byte(payload)))
			}
		})
	}
	senders.Wait()
	r.settled(t)
	if diff := cmp.Diff(want, f.accepted); diff != "" {
		t.Errorf("accepted records (-want +got):\n%s", diff)
	}
	if f.refused == 0 {
		t.Error("the stub refused nothing, so the test shows nothing")
	}
	if len(r.events) != devices*each {
		t.Errorf("got %d events, want one per message", len(r.events))
	}
}

func TestKinesisFailureReachesTheErrorAction(t *testing.T) {
	server := mototest.Start(t)
	r := newRig(t, server.Config(t))
	rule := newRule("t", "SELECT * FROM 'gh/+/telemetry'", toStream("missing"))
	rule.ErrorAction = &types.Action{Lambda: &types.LambdaAction{FunctionArn: aws.String("e")}}
	r.set(t, rule)
	r.send("gh/soil-001/telemetry", "not json")
	if len(r.invoked) != 1 {
		t.Errorf("got %v, want the error action's invocation", r.invoked)
	}
}

func TestKinesisRecordsArriveAsPublished(t *testing.T) {
	server := mototest.Start(t)
	c := awsapi.NewLocal(server.Config(t))
	createStream(t, c, "s")
	r := newRig(t, server.Config(t))
	r.set(t, newRule("t", "SELECT * FROM 'gh/+/telemetry'", toStream("s")))
	for _, payload := range []string{`{"a": 1.0}`, "\x00\xff", ""} {
		r.send("gh/soil-001/telemetry", payload)
	}
	r.noFailures(t)
	want := []string{`soil-001 {"a": 1.0}`, "soil-001 \x00\xff", "soil-001 "}
	if diff := cmp.Diff(want, storedRecords(t, c, "s")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestKinesisGetsWhatTheRuleSelects(t *testing.T) {
	server := mototest.Start(t)
	c := awsapi.NewLocal(server.Config(t))
	createStream(t, c, "s")
	r := newRig(t, server.Config(t))
	r.set(t, newRule("t", "SELECT data.t / 10 AS temperature, timestamp() AS timestamp FROM 'gh/+/telemetry' "+
		"WHERE isUndefined(debug)", toStream("s")))
	for _, payload := range []string{`{"data":{"t":215}}`, `{"data":{"t":1},"debug":true}`, "not json"} {
		r.send("gh/soil-001/telemetry", payload)
	}
	r.noFailures(t)
	want := []string{`soil-001 {"temperature":21.5,"timestamp":1700000000123}`,
		`soil-001 {"timestamp":1700000000123}`}
	if diff := cmp.Diff(want, storedRecords(t, c, "s")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestKinesisAsErrorAction(t *testing.T) {
	server := mototest.Start(t)
	c := awsapi.NewLocal(server.Config(t))
	createStream(t, c, "errors")
	r := newRig(t, server.Config(t))
	rule := newRule("t", "SELECT * FROM 'gh/+/telemetry'", lambdaTo("missing"), toStream("missing"))
	action := toStream("errors")
	rule.ErrorAction = &action
	r.set(t, rule)
	r.send("gh/soil-001/telemetry", "{}")
	records := storedRecords(t, c, "errors")
	if len(records) != 1 || !strings.HasPrefix(records[0], `soil-001 {"ruleName":"t",`) ||
		strings.Count(records[0], "failedAction") != 2 {
		t.Errorf("got %q, want one document with both failures, under the message's partition key", records)
	}
	last := r.events[len(r.events)-1]
	if last.Action != "kinesis" || last.Target != "errors" || last.Detail != "error action" || last.Error != "" {
		t.Errorf("the last event is %+v, want the error action's success", last)
	}
}

func createStream(t *testing.T, c *awsapi.Clients, name string) {
	t.Helper()
	in := &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(1)}
	must(c.Kinesis().CreateStream(t.Context(), in))(t)
}

// storedRecords returns the partition key and data of every record in the stream.
func storedRecords(t *testing.T, c *awsapi.Clients, stream string) (records []string) {
	t.Helper()
	iterator := must(c.Kinesis().GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName:        &stream,
		ShardId:           aws.String("shardId-000000000000"),
		ShardIteratorType: "TRIM_HORIZON",
	}))(t)
	page := must(c.Kinesis().GetRecords(
		t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator.ShardIterator},
	))(t)
	for _, r := range page.Records {
		records = append(records, *r.PartitionKey+" "+string(r.Data))
	}
	return records
}

// TestBinaryPayloadsPassUnchanged: the stream and the archive get the bytes that the device sent, not base64 text.
func TestBinaryPayloadsPassUnchanged(t *testing.T) {
	_, c, r := against(t)
	must(c.Kinesis().CreateStream(t.Context(),
		&kinesis.CreateStreamInput{StreamName: aws.String("gh"), ShardCount: aws.Int32(1)}))(t)
	must(c.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("archive")}))(t)
	r.set(t, newRule("all", "SELECT * FROM 'gh/+/telemetry'", toStream("gh"), types.Action{
		S3: &types.S3Action{BucketName: aws.String("archive"), Key: aws.String("last")}}))
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	var want []string
	for _, payload := range []string{
		string(every),
		"\xa1dtemp\xfb\x40\x35\x80\x00\x00\x00\x00\x00", // CBOR
		"\x81\xa4temp\x15", // MessagePack
		"\x1f\x8b\x08",     // the beginning of gzip
		"\x18\x20",         // CBOR of 32: a control character and a space
		" 1 ",              // JSON, but no object
		"{\"b\": 1.0, \"a\":2}\n",
	} {
		r.send("gh/soil-001/telemetry", payload)
		object := must(c.S3().GetObject(t.Context(),
			&s3.GetObjectInput{Bucket: aws.String("archive"), Key: aws.String("last")}))(t)
		if stored := must(io.ReadAll(object.Body))(t); string(stored) != payload {
			t.Errorf("archived %q of %q", stored, payload)
		}
		want = append(want, payload)
	}
	r.noFailures(t)
	iterator := must(c.Kinesis().GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: aws.String("gh"), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: "TRIM_HORIZON",
	}))(t).ShardIterator
	var got []string
	for _, record := range must(c.Kinesis().GetRecords(t.Context(),
		&kinesis.GetRecordsInput{ShardIterator: iterator}))(t).Records {
		got = append(got, string(record.Data))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
