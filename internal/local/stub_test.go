package local

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stub is an AWS that costs next to nothing, so that the runtime's own limit shows: the registry of one fleet, one
// stream of one shard, and stores that only count.
type stub struct {
	*httptest.Server
	thingByCertificate sync.Map

	mu      sync.Mutex
	records []stubRecord
	stored  func(payload []byte) // what WriteRecords got
}

type stubRecord struct {
	Data                        []byte
	PartitionKey                string
	SequenceNumber              string
	ApproximateArrivalTimestamp float64
}

func startStub(t testing.TB, stored func(payload []byte)) *stub {
	t.Helper()
	s := &stub{stored: stored}
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.rpc)
	s.registry(mux)
	s.functions(mux)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

const stubARN = "arn:aws:iot:us-east-1:123456789012:"

// answer writes JSON.
func answer(w http.ResponseWriter, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, format, args...)
}

// registry is the IoT API: every certificate that the benchmark has announced is active and attached.
func (s *stub) registry(mux *http.ServeMux) {
	const policy = `{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":[\"*client/${iot:Connection.Thing.ThingName}\",\"*topic/gh/${iot:Connection.Thing.ThingName}/*\"]}}`
	const rule = `{"rule":{"ruleName":"gh_telemetry","sql":"SELECT * FROM 'gh/+/telemetry'","awsIotSqlVersion":"2016-03-23","actions":[{"kinesis":{"streamName":"gh","partitionKey":"${topic(2)}","roleArn":"r"}}]}}`
	const alerts = `{"rule":{"ruleName":"gh_alerts","sql":"SELECT encode(*, 'base64') AS payload, topic(2) AS thing FROM 'gh/+/telemetry' WHERE data.temperature > 1000","awsIotSqlVersion":"2016-03-23","actions":[{"lambda":{"functionArn":"f"}}]}}`
	mux.HandleFunc("GET /certificates/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(
			w,
			`{"certificateDescription":{"certificateArn":"%scert/%s","certificateId":"%s","status":"ACTIVE"}}`,
			stubARN,
			r.PathValue("id"),
			r.PathValue("id"),
		)
	})
	mux.HandleFunc("GET /principals/things", func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.Header.Get("X-Amzn-Principal"), stubARN+"cert/")
		thing, _ := s.thingByCertificate.Load(id)
		answer(w, `{"things":["%v"]}`, thing)
	})
	mux.HandleFunc(
		"GET /things/{name}",
		func(w http.ResponseWriter, r *http.Request) { answer(w, `{"thingName":"%s"}`, r.PathValue("name")) },
	)
	mux.HandleFunc("GET /things/{name}/thing-groups", func(w http.ResponseWriter, r *http.Request) {
		answer(w, `{"thingGroups":[{"groupName":"gh","groupArn":"%sthinggroup/gh"}]}`, stubARN)
	})
	mux.HandleFunc(
		"GET /thing-groups/gh",
		func(w http.ResponseWriter, r *http.Request) { answer(w, `{"thingGroupName":"gh"}`) },
	)
	mux.HandleFunc("POST /attached-policies/{target...}", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.PathValue("target"), "thinggroup") {
			answer(w, `{"policies":[{"policyName":"gh"}]}`)
			return
		}
		answer(w, `{"policies":[]}`)
	})
	mux.HandleFunc("GET /policies/gh", func(w http.ResponseWriter, r *http.Request) {
		answer(w, `{"policyName":"gh","policyDocument":"%s"}`, policy)
	})
	mux.HandleFunc("GET /rules", func(w http.ResponseWriter, r *http.Request) {
		answer(w, `{"rules":[{"ruleName":"gh_telemetry"},{"ruleName":"gh_alerts"}]}`)
	})
	mux.HandleFunc("GET /rules/gh_telemetry", func(w http.ResponseWriter, r *http.Request) { answer(w, "%s", rule) })
	mux.HandleFunc("GET /rules/gh_alerts", func(w http.ResponseWriter, r *http.Request) { answer(w, "%s", alerts) })
}

// functions is the Lambda API: the processor, and its mapping to the stream.
func (s *stub) functions(mux *http.ServeMux) {
	mux.HandleFunc("GET /2015-03-31/functions/", func(w http.ResponseWriter, r *http.Request) {
		answer(
			w,
			`{"Functions":[{"FunctionName":"gh-processor","FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:gh-processor","Timeout":60,"MemorySize":256,"Environment":{"Variables":{
			"IOT_PIPELINE":"gh","IOT_TOPIC_PREFIX":"gh","IOT_DEVICE_TABLE":"gh","IOT_DEAD_LETTER_QUEUE_URL":"%s/q","IOT_TIMESTREAM_DATABASE":"gh","IOT_TIMESTREAM_TABLE":"t"}}}]}`,
			s.URL,
		)
	})
	mux.HandleFunc(
		"GET /2019-09-25/functions/{name}/event-invoke-config",
		func(w http.ResponseWriter, r *http.Request) { answer(w, `{"MaximumRetryAttempts":2}`) },
	)
	mux.HandleFunc("GET /2015-03-31/event-source-mappings/", func(w http.ResponseWriter, r *http.Request) {
		answer(
			w,
			`{"EventSourceMappings":[{"UUID":"u","BatchSize":1000,"EventSourceArn":"arn:aws:kinesis:us-east-1:123456789012:stream/gh","FunctionArn":"f","State":"Enabled","StartingPosition":"TRIM_HORIZON","FunctionResponseTypes":["ReportBatchItemFailures"]}]}`,
		)
	})
}

// rpc is the services that name their operation in a header or a form.
func (s *stub) rpc(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch operation {
	case "PutRecords":
		s.putRecords(w, body)
	case "GetRecords":
		s.getRecords(w, body)
	case "ListShards":
		fmt.Fprint(
			w,
			`{"Shards":[{"ShardId":"s0","HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"},"SequenceNumberRange":{"StartingSequenceNumber":"0"}}]}`,
		)
	case "GetShardIterator":
		fmt.Fprint(w, `{"ShardIterator":"0"}`)
	case "WriteRecords":
		s.stored(body)
		fmt.Fprint(w, `{"RecordsIngested":{"Total":1}}`)
	case "GetParameters":
		fmt.Fprint(w, `{"Parameters":[],"InvalidParameters":[]}`)
	case "":
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(
			w,
			`<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
		)
	default:
		fmt.Fprint(w, "{}")
	}
}

func (s *stub) putRecords(w http.ResponseWriter, body []byte) {
	var in struct{ Records []stubRecord }
	if err := json.Unmarshal(body, &in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	now := float64(time.Now().UnixMilli()) / 1000
	s.mu.Lock()
	for _, r := range in.Records {
		r.SequenceNumber, r.ApproximateArrivalTimestamp = strconv.Itoa(len(s.records)), now
		s.records = append(s.records, r)
	}
	s.mu.Unlock()
	fmt.Fprint(
		w,
		`{"FailedRecordCount":0,"Records":[`+strings.TrimSuffix(
			strings.Repeat(`{"SequenceNumber":"1","ShardId":"s0"},`, len(in.Records)),
			",",
		)+`]}`,
	)
}

func (s *stub) getRecords(w http.ResponseWriter, body []byte) {
	var in struct {
		ShardIterator string
		Limit         int
	}
	at, err := 0, json.Unmarshal(body, &in)
	if err == nil {
		at, err = strconv.Atoi(in.ShardIterator)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	page := s.records[at:min(len(s.records), at+in.Limit)]
	s.mu.Unlock()
	json.NewEncoder(w).
		Encode(map[string]any{"Records": page, "NextShardIterator": strconv.Itoa(at + len(page)),
			"MillisBehindLatest": 0})

	// a client that has gone notices
}
