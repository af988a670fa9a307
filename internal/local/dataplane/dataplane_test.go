package dataplane

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	datatypes "github.com/aws/aws-sdk-go-v2/service/iotdataplane/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
)

func client(t *testing.T, publish func(message.Message) error, endpoint string) *iotdataplane.Client {
	t.Helper()
	s, err := Start(Options{Publish: publish, Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return iotdataplane.NewFromConfig(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: &s.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	})
}

func TestPublishReachesTheBroker(t *testing.T) {
	var got []message.Message
	c := client(t, func(m message.Message) error { got = append(got, m); return nil }, "")
	if _, err := c.Publish(t.Context(), &iotdataplane.PublishInput{Topic: aws.String("gh/soil-001/commands"), Qos: 1,
		Retain: true, ContentType: aws.String("application/json"), Payload: []byte("\x00{}")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), &iotdataplane.PublishInput{Topic: aws.String("$aws/things/a b/shadow/update"),
		Payload: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	command := message.New("gh/soil-001/commands", []byte("\x00{}"))
	command.QoS, command.Retain = 1, true
	command.MQTT5 = &message.Properties{ContentType: "application/json"}
	want := []message.Message{command, message.New("$aws/things/a b/shadow/update", []byte("{}"))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

// TestPublishWithProperties: all of MQTT 5 that the device management API sends arrives.
func TestPublishWithProperties(t *testing.T) {
	var got []message.Message
	c := client(t, func(m message.Message) error { got = append(got, m); return nil }, "")
	if _, err := c.Publish(t.Context(), &iotdataplane.PublishInput{Topic: aws.String("gh/soil-001/commands"), Qos: 1,
		Payload: []byte("{}"), ContentType: aws.String("application/json"), MessageExpiry: 60,
		PayloadFormatIndicator: datatypes.PayloadFormatIndicatorUtf8Data, ResponseTopic: aws.String("gh/answers"),
		CorrelationData: aws.String("AAc=")}); err != nil {
		t.Fatal(err)
	}
	want := &message.Properties{UTF8: true, ContentType: "application/json", ResponseTopic: "gh/answers",
		CorrelationData: []byte{0, 7}, ExpirySeconds: 60}
	if len(got) != 1 {
		t.Fatalf("published %+v", got)
	}
	if diff := cmp.Diff(want, got[0].MQTT5); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
}

func TestPublishIsRefused(t *testing.T) {
	c := client(t, func(message.Message) error { return errors.New("closed") }, "")
	for code, in := range map[string]*iotdataplane.PublishInput{
		"InvalidRequestException":        {Topic: aws.String("a/+/b")},
		"RequestEntityTooLargeException": {Topic: aws.String("a"), Payload: make([]byte, maxPayload+1)},
		"InternalFailureException":       {Topic: aws.String("a")},
	} {
		_, err := c.Publish(t.Context(), in)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != code {
			t.Errorf("got error %v, want code %s", err, code)
		}
	}
}

func TestOtherOperationsReachTheEndpoint(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
			t.Error("the request lost its signature")
		}
		w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	}))
	defer endpoint.Close()
	c := client(t, nil, endpoint.URL)
	out, err := c.GetThingShadow(t.Context(), &iotdataplane.GetThingShadowInput{ThingName: aws.String("soil-001")})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out.Payload); got != `{"path":"/things/soil-001/shadow"}` {
		t.Errorf("got %s", got)
	}
}

func TestUpdatesOfShadowsStayHere(t *testing.T) {
	var asked []string
	var failure error
	s, err := Start(Options{Update: func(_ context.Context, thing, name string, payload []byte) ([]byte, error) {
		asked = append(asked, thing+" "+name+" "+string(payload))
		return []byte(`{"version":1}`), failure
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := iotdataplane.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &s.URL,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} }})
	in := &iotdataplane.UpdateThingShadowInput{ThingName: aws.String("soil:001"), ShadowName: aws.String("config"),
		Payload: []byte("{}")}
	out, err := c.UpdateThingShadow(t.Context(), in)
	if err != nil || string(out.Payload) != `{"version":1}` {
		t.Errorf("got %v, %v", out, err)
	}
	failure = &smithy.GenericAPIError{Code: "ConflictException", Message: "Version conflict"}
	in.ShadowName = nil
	var api smithy.APIError
	if _, err := c.UpdateThingShadow(t.Context(), in); !errors.As(err, &api) || api.ErrorCode() != "ConflictException" ||
		api.ErrorMessage() != "Version conflict" {
		t.Errorf("got error %v", err)
	}
	if diff := cmp.Diff([]string{"soil:001 config {}", "soil:001  {}"}, asked); diff != "" {
		t.Error(diff)
	}
}

// A function invokes another one without waiting for its answer.
func TestInvoke(t *testing.T) {
	var got []string
	s, err := Start(Options{Invoke: func(_ context.Context, function string, payload []byte) error {
		if function != "gh-alerts" {
			return errors.New("iot-local does not run this function")
		}
		got = append(got, string(payload))
		return nil
	}, Call: func(_ context.Context, function string, payload []byte) ([]byte, bool, error) {
		if function != "gh-alerts" {
			return nil, false, errors.New("iot-local does not run this function")
		}
		return []byte(`"answer"`), string(payload) == "fail", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := lambda.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	})
	event := types.InvocationTypeEvent
	for _, tc := range []struct {
		in   lambda.InvokeInput
		code string // of the error; "" for none
	}{
		{lambda.InvokeInput{FunctionName: aws.String("gh-alerts"), InvocationType: event, Payload: []byte(`{"a":1}`)}, ""},
		{lambda.InvokeInput{FunctionName: aws.String("other"), InvocationType: event}, "ResourceNotFoundException"},
		{lambda.InvokeInput{FunctionName: aws.String("gh-alerts"), InvocationType: types.InvocationTypeDryRun},
			"InvalidParameterValueException"},
		{lambda.InvokeInput{FunctionName: aws.String("other")}, "ResourceNotFoundException"},
		{lambda.InvokeInput{FunctionName: aws.String("gh-alerts"), InvocationType: event, Payload: make([]byte, maxEvent+1)},
			"RequestTooLargeException"},
	} {
		out, err := c.Invoke(t.Context(), &tc.in)
		var api smithy.APIError
		switch {
		case tc.code == "" && (err != nil || out.StatusCode != http.StatusAccepted):
			t.Errorf("%s: %v", *tc.in.FunctionName, err)
		case tc.code != "" && (!errors.As(err, &api) || api.ErrorCode() != tc.code):
			t.Errorf("%s: %v, want %s", *tc.in.FunctionName, err, tc.code)
		}
	}
	for payload, failed := range map[string]bool{"{}": false, "fail": true} {
		out, err := c.Invoke(t.Context(),
			&lambda.InvokeInput{FunctionName: aws.String("gh-alerts"), Payload: []byte(payload)})
		if err != nil || string(out.Payload) != `"answer"` || (out.FunctionError != nil) != failed {
			t.Errorf("%s: %+v, %v", payload, out, err)
		}
	}
	if diff := cmp.Diff([]string{`{"a":1}`}, got); diff != "" {
		t.Errorf("invoked (-want +got):\n%s", diff)
	}
}
