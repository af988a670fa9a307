package alerts

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
)

// TestBootstrapInMoto drives the binary that is shipped, with every service in moto.
func TestBootstrapInMoto(t *testing.T) {
	f := newFixture(t, twoRules)
	f.clock = time.Now() // the process has its own
	cfg := f.moto.Config(t)
	topic, err := sns.NewFromConfig(cfg).
		CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("greenhouse-alerts")})
	if err != nil {
		t.Fatal(err)
	}
	letters := sqs.NewFromConfig(cfg)
	queue, err := letters.CreateQueue(t.Context(),
		&sqs.CreateQueueInput{QueueName: aws.String("greenhouse-dead-letters")})
	if err != nil {
		t.Fatal(err)
	}
	env := (&lambdatest.AWS{URL: f.moto.URL}).Env(map[string]string{
		"IOT_ALERT_TOPIC_ARN": *topic.TopicArn, "IOT_DEAD_LETTER_QUEUE_URL": *queue.QueueUrl,
	})
	function := lambdatest.StartFunction(t, lambdatest.Compile(t, "alerts"), env)
	for range 5 {
		for _, message := range [][]byte{
			f.message("soil-001", `{"data":{"humidity":29,"temperature":60}}`),
			f.message("soil-002", `{"data":{"humidity":50}}`),
			f.message("soil-003", `not json`),
		} {
			if reply := function.Invoke(message, 30*time.Second); reply.Failed {
				t.Fatalf("%s\n%s", reply.Body, function.Output())
			}
		}
	}
	if reply := function.Invoke([]byte(`not an event`), 30*time.Second); reply.Failed {
		t.Errorf("an event that no retry can help: %s", reply.Body)
	}
	notifications := f.moto.Notifications(t, *topic.TopicArn)
	if len(notifications) != 2 {
		t.Errorf("%d notices for five messages within the cooldowns of two rules: %+v", len(notifications),
			notifications)
	}
	for _, n := range notifications {
		if !strings.Contains(n.Subject, "on soil-001") {
			t.Errorf("subject %q", n.Subject)
		}
	}
	commands := f.moto.Published(t)
	if len(commands) != 1 || commands[0].Topic != "greenhouse/soil-001/commands" ||
		commands[0].Payload != `{"action":"enter_safe_mode","at":60}` {
		t.Errorf("commands %+v", commands)
	}
	got, err := letters.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if err != nil || len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"source":"alerts"`) {
		t.Errorf("letters %v, %v", got, err)
	}
	for line := range strings.Lines(function.Output()) {
		if !json.Valid([]byte(line)) || strings.Contains(line, "_aws") && strings.Contains(line, "soil-00") {
			t.Errorf("line that is not JSON, or metrics that name a device: %s", line)
		}
	}

	// With a topic that does not answer, the function says so in time for Lambda to try again.
	env["AWS_ENDPOINT_URL_SNS"] = f.aws.URL
	f.aws.Misbehave(func(lambdatest.Call) *lambdatest.Fault { return lambdatest.Hung })
	function = lambdatest.StartFunction(t, lambdatest.Compile(t, "alerts"), env)
	start := time.Now()
	reply := function.Invoke(f.message("soil-009", `{"data":{"humidity":29}}`), 2*time.Second)
	if !reply.Failed || !bytes.Contains(reply.Body, []byte(`publishing alert`)) || time.Since(start) > 2*time.Second {
		t.Errorf("after %v: %s", time.Since(start), reply.Body)
	}
}
