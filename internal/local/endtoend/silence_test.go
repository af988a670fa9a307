package endtoend_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const silencePipeline = `
resource "iot_pipeline" "gh" {
  name          = "` + name + `"
  devices       = { "soil-001" = {}, "soil-002" = {} }
  processor     = { batch_window_seconds = 0 }
  archive       = { enabled = false }
  monitoring    = { silence_minutes = 5 }
  device_state  = { refresh_seconds = 0 } # the devices become older than they are
  force_destroy = true
}
`

// A device publishes over mutual TLS, falls silent, and publishes again. People hear of both. The schedule runs faster
// than on AWS, and the test does not wait five minutes: it makes the device's last message that much older.
func TestSilence(t *testing.T) {
	w := deploy(t, silencePipeline)
	inbox := w.subscribe(t)
	one, two := w.connect(t, "soil-001"), w.connect(t, "soil-002")
	one.send(t, `{"humidity":40}`)
	two.send(t, `{"humidity":41}`)
	w.drain(t)
	w.age(t, "soil-001", 6*time.Minute)

	n := w.receive(t, inbox)
	if n.State != "alert" || n.Thing != "soil-001" || n.Rule != "silent" || n.Pipeline != name {
		t.Fatalf("the first notice is %+v", n)
	}
	if status := w.item(t, "soil-001")["status"]; status != "silent" {
		t.Errorf("soil-001 is %s", status)
	}
	one.send(t, `{"humidity":42}`)
	if n = w.receive(t, inbox); n.State != "resolved" || n.Thing != "soil-001" {
		t.Fatalf("the second notice is %+v", n)
	}
	for _, thing := range []string{"soil-001", "soil-002"} {
		if status := w.item(t, thing)["status"]; status != "online" {
			t.Errorf("%s is %s", thing, status)
		}
	}

	// A device that disconnects without a farewell is offline, and silent if it stays away.
	two.Disconnect(1000)
	w.await(t, 1, func(e runlog.Event) bool { return e.Kind == runlog.Disconnected && e.Thing == "soil-002" })
	w.drain(t)
	item := w.item(t, "soil-002")
	if item["status"] != "offline" || item["disconnect_reason"] != "CLIENT_INITIATED_DISCONNECT" {
		t.Errorf("after its connection has ended, soil-002 is %v", item)
	}
	w.age(t, "soil-002", 6*time.Minute)
	if n = w.receive(t, inbox); n.State != "alert" || n.Thing != "soil-002" {
		t.Fatalf("the third notice is %+v", n)
	}
}

// subscribe makes a queue that receives the notices, and returns its URL.
func (w *deployment) subscribe(t *testing.T) string {
	t.Helper()
	url := must(w.aws.SQS().CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("inbox")}))(t).QueueUrl
	arn := "arn:aws:sns:us-east-1:" + mototest.AccountID + ":" + name + "-alerts"
	must(w.aws.SNS().Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: &arn, Protocol: aws.String("sqs"),
		Endpoint:   aws.String("arn:aws:sqs:us-east-1:" + mototest.AccountID + ":inbox"),
		Attributes: map[string]string{"RawMessageDelivery": "true"},
	}))(t)
	return *url
}

// received is a notice as programs get it.
type received struct{ Pipeline, Rule, State, Thing, Message string }

// receive returns the next notice.
func (w *deployment) receive(t *testing.T, queue string) received {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		out := must(w.aws.SQS().ReceiveMessage(t.Context(),
			&sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 5}))(t)
		for _, m := range out.Messages {
			must(w.aws.SQS().DeleteMessage(t.Context(),
				&sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}))(t)
			var n received
			if err := json.Unmarshal([]byte(*m.Body), &n); err != nil {
				t.Fatalf("%s: %v", *m.Body, err)
			}
			return n
		}
	}
	t.Fatal("no notice arrived")
	return received{}
}

// age makes what is known of a device older, as if that much time had passed.
func (w *deployment) age(t *testing.T, thing string, by time.Duration) {
	t.Helper()
	ago := &ddbtypes.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(-by).UnixMilli(), 10)}
	must(w.aws.DynamoDB().UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName:                 aws.String(name),
		Key:                       map[string]ddbtypes.AttributeValue{"device_id": text(thing)},
		UpdateExpression:          aws.String("SET last_seen = :ago, seen_slot = :ago, status_at = :ago"),
		ConditionExpression:       aws.String("attribute_exists(last_seen)"),
		ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":ago": ago},
	}))(t)
}

// item reads the texts of an item of the device table.
func (w *deployment) item(t *testing.T, key string) map[string]string {
	t.Helper()
	out := must(w.aws.DynamoDB().GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(name), Key: map[string]ddbtypes.AttributeValue{"device_id": text(key)},
	}))(t)
	texts := map[string]string{}
	for name, value := range out.Item {
		if s, ok := value.(*ddbtypes.AttributeValueMemberS); ok {
			texts[name] = s.Value
		}
	}
	return texts
}

func text(s string) ddbtypes.AttributeValue { return &ddbtypes.AttributeValueMemberS{Value: s} }
