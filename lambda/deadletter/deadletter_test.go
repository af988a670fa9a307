package deadletter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

// post is a queue and a bucket in memory.
type post struct {
	messages []string
	objects  map[string][]byte
	err      error
}

func (p *post) SendMessage(
	_ context.Context,
	in *sqs.SendMessageInput,
	_ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	if p.err != nil {
		return nil, p.err
	}
	p.messages = append(p.messages, *in.QueueUrl+" "+*in.MessageBody)
	return &sqs.SendMessageOutput{}, nil
}

func (p *post) PutObject(
	_ context.Context,
	in *s3.PutObjectInput,
	_ ...func(*s3.Options),
) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	p.objects[*in.Bucket+"/"+*in.Key] = body
	return &s3.PutObjectOutput{}, p.err
}

func letter(payload string) Letter {
	return Letter{
		Pipeline: "greenhouse", Source: "processor", Thing: "soil-001", Topic: "greenhouse/soil-001/status",
		ArrivedAt: time.Date(2026, 1, 2, 4, 4, 5, 678_900_000, time.FixedZone("", 3600)), SequenceNumber: "49/59",
		Payload: []byte(payload), Reason: "not_json", Detail: "byte 0: not a value",
	}
}

func TestSend(t *testing.T) {
	for _, c := range []struct {
		why, payload, want string
		objects            map[string]int
	}{
		{"a small payload is inside", "hello", `"payload_base64":"aGVsbG8=",`, map[string]int{}},
		{"an empty payload is there, empty", "", `"payload_base64":"",`, map[string]int{}},
		{"one that just fits", strings.Repeat("x", 785_000), `"payload_base64":"eHh4`, map[string]int{}},
		{"a large one is in the bucket, at a key of its own day", strings.Repeat("x", 787_000),
			`"payload_s3":"s3://b/dead/payloads/2026/01/02/49_59",`,
			map[string]int{"b/dead/payloads/2026/01/02/49_59": 787_000}},
	} {
		p := &post{objects: map[string][]byte{}}
		o := Sender{Queue: p, QueueURL: "q", Objects: func() BucketAPI { return p }, Bucket: "b", Prefix: "dead/"}
		if err := o.Send(t.Context(), letter(c.payload)); err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		head := `q {"pipeline":"greenhouse","source":"processor","thing":"soil-001","topic":"greenhouse/soil-001/status","arrived_at":"2026-01-02T03:04:05.678Z","sequence_number":"49/59",`
		if len(p.messages) != 1 || !strings.HasPrefix(p.messages[0], head+c.want) ||
			!strings.HasSuffix(p.messages[0], `"reason":"not_json","detail":"byte 0: not a value"}`) {
			t.Errorf("%s: messages %.400q", c.why, p.messages)
		}
		if len(p.messages[0])-len("q ") > maxMessage {
			t.Errorf("%s: the message has %d bytes", c.why, len(p.messages[0]))
		}
		sizes := map[string]int{}
		for key, body := range p.objects {
			sizes[key] = len(bytes.Trim(body, "\x00"))
		}
		if diff := cmp.Diff(c.objects, sizes); diff != "" {
			t.Errorf("%s: objects (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestSendFails(t *testing.T) {
	away := errors.New("away")
	large := strings.Repeat("x", 800_000)
	for _, c := range []struct {
		why, payload, want string
		deadLetters        func(*post) Sender
	}{
		{"the queue is unavailable", "hello", `sending the dead letter of "soil-001": away`,
			func(p *post) Sender { return Sender{Queue: p} }},
		{"the bucket is unavailable", large, `storing the payload of a dead letter of "soil-001": away`,
			func(p *post) Sender { return Sender{Queue: p, Objects: func() BucketAPI { return p }, Bucket: "b"} }},
		{"there is no bucket", large,
			`storing the payload of a dead letter of "soil-001": it does not fit a message and there is no bucket for it`,
			func(p *post) Sender { return Sender{Queue: p} }},
	} {
		p := &post{objects: map[string][]byte{}, err: away}
		o := c.deadLetters(p)
		if err := o.Send(t.Context(), letter(c.payload)); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.why, err, c.want)
		}
		if len(p.messages) != 0 {
			t.Errorf("%s: %d messages", c.why, len(p.messages))
		}
	}
}

func TestALetterIsJSONWhateverItsDetail(t *testing.T) {
	l := letter("x")
	l.Detail, l.Thing = "a \"quote\", a \x00 and \xff", "<soil>"
	text, err := json.Marshal(l)
	if err != nil || !json.Valid(text) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestSQSAcceptsEveryLetter(t *testing.T) {
	p := &post{objects: map[string][]byte{}}
	o := Sender{Queue: p, QueueURL: "q", Objects: func() BucketAPI { return p }, Bucket: "b"}
	for _, payload := range []string{"x", strings.Repeat("x", 800_000)} {
		l := letter(payload)
		l.Topic, l.Detail = "a/\uFFFF", "member \"\uFFFE\x00\x1f\xff\""
		if err := o.Send(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	for _, message := range p.messages {
		// [SQS SendMessage] says which characters a message may hold.
		bad := func(r rune) bool { return r < ' ' || r == '\uFFFE' || r == '\uFFFF' }
		if i := strings.IndexFunc(message, bad); i >= 0 {
			t.Errorf("%q", message[i:min(i+40, len(message))])
		}
		if !strings.HasSuffix(message, `"detail":"member \"\ufffe\u0000\u001f\ufffd\""}`) {
			t.Errorf("%q", message[len(message)-100:])
		}
	}
}
