package broker

import (
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// claimPolicy has the shape of the policies of claim certificates.
const claimPolicy = `{"Statement":[
 {"Effect":"Allow","Action":"iot:Connect","Resource":"*client/claim:*"},
 {"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":["*topic/$aws/certificates/create/*","*topic/$aws/certificates/create-from-csr/*","*topic/$aws/provisioning-templates/gh/provision/*"]},
 {"Effect":"Allow","Action":"iot:Subscribe","Resource":["*topicfilter/$aws/certificates/create/*","*topicfilter/$aws/certificates/create-from-csr/*","*topicfilter/$aws/provisioning-templates/gh/provision/*"]}]}`

// claim connects a client with the shared claim certificate, subscribed to everything that its policy lets it.
func (r *fixture) claim(t *testing.T, clientID string) (paho.Client, chan string, chan struct{}) {
	t.Helper()
	client, lost, err := r.connect(t, "claim", clientID)
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan string, 10)
	for _, filter := range []string{"$aws/certificates/create/#", "$aws/provisioning-templates/gh/provision/#"} {
		token := client.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
			arrived <- m.Topic() + " " +
				string(m.Payload())
		}).(*paho.SubscribeToken)
		if err := wait(t, token); err != nil || token.Result()[filter] >= 0x80 {
			t.Fatalf("subscribing to %s: %v", filter, err)
		}
	}
	return client, arrived, lost
}

func TestProvisioningIsBetweenOneDeviceAndAWS(t *testing.T) {
	r := start(t)
	r.registry.set(func() { r.registry.text = claimPolicy })
	asking, answers, _ := r.claim(t, "claim:A1")
	_, overheard, _ := r.claim(t, "claim:A2")
	if err := wait(t, asking.Publish("$aws/certificates/create/json", 1, false, "{}")); err != nil {
		t.Fatal(err)
	}
	m := r.next(t)
	if m.Topic != "$aws/certificates/create/json" || m.ClientID != "claim:A1" || len(m.Principal) != 64 ||
		m.Session == "" {
		t.Fatalf("handed on: %+v", m)
	}
	for _, topic := range []string{"$aws/certificates/create/json/accepted",
		"$aws/provisioning-templates/gh/provision/json/rejected"} {
		if err := r.Reply(m.Session, message.New(topic, []byte("for A1"))); err != nil {
			t.Fatal(err)
		}
		if got := <-answers; got != topic+" for A1" {
			t.Errorf("got %s", got)
		}
	}
	if len(answers)+len(overheard) != 0 {
		t.Errorf("the device got %d more messages and another with the same claim %d, want none", len(answers),
			len(overheard))
	}
}

func TestReplyReachesNobodyElse(t *testing.T) {
	r := start(t)
	r.registry.set(func() { r.registry.text = claimPolicy })
	client, arrived, _ := r.claim(t, "claim:A1")
	if err := wait(t, client.Publish("$aws/certificates/create/json", 1, false, "{}")); err != nil {
		t.Fatal(err)
	}
	m := r.next(t)
	if err := r.Reply(m.Session, message.New("$aws/certificates/create-from-csr/json/accepted", nil)); err == nil ||
		!strings.Contains(err.Error(), "has not subscribed") {
		t.Errorf("a topic that the client has not subscribed to: got error %v", err)
	}
	r.registry.set(func() { r.registry.text = strings.Replace(r.registry.text, `"iot:Receive"`, `"iot:Nothing"`, 1) })
	r.RefreshNow(t.Context())
	if err := r.Reply(m.Session, message.New("$aws/certificates/create/json/accepted", nil)); err != nil {
		t.Error(err)
	}
	if e := r.told(t, runlog.Refused); e.Action != "iot:Receive" || e.Thing != "claim:A1" {
		t.Errorf("a policy without iot:Receive: got event %+v", e)
	}

	// The same client ID on another connection is not the one that asked.
	_, taken, _ := r.claim(t, "claim:A1")
	r.told(t, runlog.Disconnected)
	if err := r.Reply(m.Session, message.New("$aws/certificates/create/json/accepted", nil)); err == nil ||
		!strings.Contains(err.Error(), "has disconnected") {
		t.Errorf("a client that has gone: got error %v", err)
	}
	if len(arrived)+len(taken) != 0 {
		t.Error("an answer arrived anyway")
	}
}

func TestProvisioningThatIsNotServed(t *testing.T) {
	for topic, want := range map[string]string{
		"$aws/certificates/create/cbor":                             "publish to the topic that ends in /json",
		"$aws/certificates/create/json/accepted":                    "only AWS IoT may publish the answers",
		"$aws/provisioning-templates/gh/provision/json/rejected":    "only AWS IoT may publish the answers",
		"$aws/provisioning-templates/other/provision/json":          "no policy allows it",
		"$aws/certificates/create/json/accepted/and/something/else": "reserved topic",
		"gh/A1/telemetry": "no policy allows it",
	} {
		t.Run(topic, func(t *testing.T) {
			r := start(t)
			r.registry.set(func() { r.registry.text = claimPolicy })
			client, _, lost := r.claim(t, "claim:A1")
			client.Publish(topic, 1, false, "{}")
			awaitLoss(t, lost)
			if e := r.told(t, runlog.Refused); !strings.Contains(e.Detail, want) {
				t.Errorf("refused with %q, want %q", e.Detail, want)
			}
		})
	}
}

func TestClaimConnectsAsNoThing(t *testing.T) {
	r := start(t)
	r.registry.set(func() { r.registry.text = claimPolicy })
	for _, clientID := range []string{"soil-001", "claim", "xclaim:A1"} {
		if _, _, err := r.connect(t, "claim", clientID); err == nil {
			t.Errorf("a claim certificate connected as %q", clientID)
		}
	}
}
