package calls

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func signed(service string) string {
	return "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0"
}

// Requests pass unchanged, and the observer learns what they are.
func TestCallsAreObserved(t *testing.T) {
	var reached []string
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		reached = append(reached, r.Method+" "+r.URL.Path+" "+string(body))
		if strings.Contains(string(body), "refuse") {
			w.WriteHeader(http.StatusBadRequest)
		}
		io.WriteString(w, "answer")
	}))
	defer endpoint.Close()
	observed := make(chan Call, 1)
	s, err := Start(endpoint.URL, func(c Call) { observed <- c })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, tt := range []struct {
		method, path, body, service, target, contentType string
		want                                             Call
	}{
		{"POST", "/", `{"TableName":"gh","Key":{}}`, "dynamodb", "DynamoDB_20120810.UpdateItem", "application/x-amz-json-1.0",
			Call{Operation: "UpdateItem", Resource: "gh", Items: 1, Status: 200}},
		{"POST", "/", `{"RequestItems":{"gh-readings":[{},{},{}]}}`, "dynamodb", "DynamoDB_20120810.BatchWriteItem", "application/x-amz-json-1.0",
			Call{Operation: "BatchWriteItem", Resource: "gh-readings", Items: 3, Status: 200}},
		{"POST", "/", `{"DatabaseName":"gh","TableName":"telemetry","Records":[{},{}]}`, "timestream", "Timestream_20181101.WriteRecords", "application/x-amz-json-1.0",
			Call{Operation: "WriteRecords", Resource: "gh.telemetry", Items: 2, Status: 200}},
		{"POST", "/", `{"QueueUrl":"http://h/123/gh-dead-letters","MessageBody":"refuse"}`, "sqs", "AmazonSQS.SendMessage", "application/x-amz-json-1.0",
			Call{Operation: "SendMessage", Resource: "gh-dead-letters", Items: 1, Status: 400}},
		{"POST", "/", "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Agh-alerts", "sns", "", "application/x-www-form-urlencoded",
			Call{Operation: "Publish", Resource: "gh-alerts", Items: 1, Status: 200}},
		{"PUT", "/bucket/a/b%20c.json", "body", "s3", "", "", Call{Operation: "PUT", Resource: "bucket", Items: 1, Status: 200}},
		{"POST", "/", "not JSON", "kinesis", "Kinesis_20131202.PutRecord", "", Call{Operation: "PutRecord", Items: 1, Status: 200}},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL("gh-processor")+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", signed(tt.service))
		if tt.target != "" {
			r.Header.Set("X-Amz-Target", tt.target)
		}
		r.Header.Set("Content-Type", tt.contentType)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		got := <-observed
		tt.want.Function, tt.want.Service, tt.want.Request = "gh-processor", tt.service, []byte(tt.body)
		if d := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Call{}, "Began", "Duration")); d != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.service, tt.body, d)
		}
		if string(text) != "answer" || answer.StatusCode != got.Status || got.Duration <= 0 || time.Since(got.Began) > time.Minute {
			t.Errorf("answer %d %q, observed %+v", answer.StatusCode, text, got)
		}
		path := strings.ReplaceAll(tt.path, "%20", " ")
		if last := reached[len(reached)-1]; last != tt.method+" "+path+" "+tt.body {
			t.Errorf("the endpoint got %q", last)
		}
	}
}

func TestAnEndpointThatDoesNotAnswer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	observed := make(chan Call, 1)
	s, err := Start(gone.URL, func(c Call) { observed <- c })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	answer, err := http.Get(s.URL("f") + "/bucket/key")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if c := <-observed; answer.StatusCode != http.StatusBadGateway || c.Status != http.StatusBadGateway {
		t.Errorf("answered %d, observed %d", answer.StatusCode, c.Status)
	}
}
