package rules

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/clients"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/mototest"
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
			out.Records = append(out.Records, entry{ErrorCode: aws.String("ProvisionedThroughputExceededException"), ErrorMessage: aws.String("slow down")})
			continue
		}
		f.accepted[record.PartitionKey] = append(f.accepted[record.PartitionKey], string(record.Data))
		out.Records = append(out.Records, entry{SequenceNumber: aws.String("1"), ShardId: aws.String("s")})
	}
	json.NewEncoder(w).Encode(out) // a client that has gone is noticed by the test
}

func stubConfig(url string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &url, DisableRequestCompression: true, Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
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
				r.Handle(message.Message{Topic: "gh/" + name + "/telemetry", Payload: []byte(payload), Time: time.Now()})
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
	c := clients.New(server.Config(t))
	must(c.Kinesis.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(1)}))(t)
	r := newRig(t, server.Config(t))
	r.set(t, newRule("t", "SELECT * FROM 'gh/+/telemetry'", toStream("s")))
	for _, payload := range []string{`{"a": 1.0}`, "\x00\xff", ""} {
		r.send("gh/soil-001/telemetry", payload)
	}
	r.noFailures(t)
	iterator := must(c.Kinesis.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String("shardId-000000000000"), ShardIteratorType: "TRIM_HORIZON"}))(t)
	var got []string
	for _, record := range must(c.Kinesis.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator.ShardIterator}))(t).Records {
		got = append(got, *record.PartitionKey+" "+string(record.Data))
	}
	if diff := cmp.Diff([]string{`soil-001 {"a": 1.0}`, "soil-001 \x00\xff", "soil-001 "}, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
