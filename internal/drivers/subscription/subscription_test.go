package subscription

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	topic    = "arn:aws:sns:us-east-1:123456789012:greenhouse-alerts"
	endpoint = "ops@example.com"
	filter   = `{"severity":["warning","critical"]}`
)

var (
	name = spec.NameIn(topic, "email", endpoint)
	full = spec.Subscription{TopicARN: topic, Protocol: "email", Endpoint: endpoint, FilterPolicy: filter}
)

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	if _, err := c.SNS().CreateTopic(t.Context(),
		&sns.CreateTopicInput{Name: aws.String("greenhouse-alerts")}); err != nil {
		t.Fatal(err)
	}
	d := New(c)
	set := func(value string) func(context.Context) error {
		return func(ctx context.Context) error {
			o, err := d.Observe(ctx, assembly.Ref{Name: name})
			if err != nil {
				return err
			}
			_, err = c.SNS().
				SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{SubscriptionArn: &o.ID,
					AttributeName: aws.String("FilterPolicy"), AttributeValue: &value})
			return err
		}
	}
	drivertest.Life[spec.Subscription]{
		Clients: c, Driver: d, Name: name, Reads: 1, Ownerless: true, Full: full,
		Steps: []drivertest.Step[spec.Subscription]{
			{
				Why:    "filter changed by hand",
				Fields: []string{"filter_policy"},
				Writes: []string{"SetSubscriptionAttributes"},
				Drift:  set(`{"severity":["info"]}`),
			},
			{Why: "filter written otherwise", Drift: set(`{ "severity": ["warning", "critical"] }`)},
			{Why: "everything wanted", Fields: []string{"filter_policy"}, Writes: []string{"SetSubscriptionAttributes"},
				Want: drivertest.Changing(func(s *spec.Subscription) { s.FilterPolicy = "" })},
		},
	}.Run(t)
}

func TestAbsentTopicMeansAbsentSubscription(t *testing.T) {
	d := New(drivertest.Clients(t, mototest.Start(t)))
	if got, err := d.Observe(t.Context(), assembly.Ref{Name: name}); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnotherEndpointIsAnotherSubscription(t *testing.T) {
	for field, edit := range map[string]func(*spec.Subscription){
		"topic":    func(s *spec.Subscription) { s.TopicARN = "x" },
		"protocol": func(s *spec.Subscription) { s.Protocol = "x" },
		"endpoint": func(s *spec.Subscription) { s.Endpoint = "x" },
	} {
		want := full
		edit(&want)
		if got := New(nil).Diff(full, want); len(got) != 1 || got[0] != (assembly.Change{Field: field, Replace: true}) {
			t.Errorf("%s: %v", field, got)
		}
	}
}

// moto confirms every subscription at once; the stub answers for one that nobody confirmed, in AWS's query protocol.
func pending(t *testing.T) *awsapi.Clients {
	t.Helper()
	const arn = topic + ":b3e1"
	server := httptest.NewServer(mototest.Start(t).Checked(t,
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("reading a request: %v", err)
			}
			form, err := url.ParseQuery(string(body))
			if err != nil {
				t.Errorf("reading a request: %v", err)
			}
			answer := ""
			switch action := form.Get("Action"); action {
			case "Subscribe":
				if form.Get("ReturnSubscriptionArn") != "true" {
					t.Error("subscribing without asking for the ARN")
				}
				answer = "<SubscribeResponse><SubscribeResult><SubscriptionArn>" + arn +
					"</SubscriptionArn></SubscribeResult></SubscribeResponse>"
			case "ListSubscriptionsByTopic":
				answer = "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>" +
					"<member><SubscriptionArn>Deleted</SubscriptionArn><Protocol>email</Protocol><Endpoint>" +
					endpoint + "</Endpoint></member>" +
					"<member><SubscriptionArn>PendingConfirmation</SubscriptionArn><Protocol>email</Protocol><Endpoint>" + endpoint + "</Endpoint></member>" +
					"</Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
			case "GetSubscriptionAttributes":
				answer = "<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes>" +
					"<entry><key>PendingConfirmation</key><value>true</value></entry>" +
					"<entry><key>FilterPolicy</key><value>" + escape(t, filter) + "</value></entry>" +
					"</Attributes></GetSubscriptionAttributesResult></GetSubscriptionAttributesResponse>"
			case "Unsubscribe":
				w.WriteHeader(http.StatusBadRequest)
				answer = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code>" +
					"<Message>Invalid parameter: SubscriptionArn Reason: Cannot unsubscribe a subscription that is " +
					"pending confirmation</Message></Error></ErrorResponse>"
			default:
				t.Errorf("unexpected %s", action)
			}
			if _, err := io.WriteString(w, answer); err != nil {
				t.Errorf("answering: %v", err)
			}
		})))
	t.Cleanup(server.Close)
	return awsapi.New(aws.Config{Region: mototest.Region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("stub", "stub",
			"")}, awsapi.Options{}).WithAccount(mototest.AccountID)
}

func escape(t *testing.T, text string) string {
	t.Helper()
	out, err := xml.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out[len("<string>") : len(out)-len("</string>")])
}

func TestUnconfirmed(t *testing.T) {
	d := New(pending(t))
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := d.Create(t.Context(), ref, full)
	if err != nil || id.ID != topic+":b3e1" {
		t.Fatalf("creating: %+v, %v", id, err)
	}
	t.Run("found by its endpoint: no ARN, and no difference that could not be written", func(t *testing.T) {
		got, err := d.Observe(t.Context(), ref)
		if err != nil || got == nil || got.ID != Pending || got.Owner != ref.Owner || len(d.Diff(got.Spec, full)) > 0 {
			t.Fatalf("%+v, %v", got, err)
		}
	})
	for _, recorded := range []string{id.ID, Pending} {
		t.Run("recorded as "+recorded, func(t *testing.T) {
			ref := assembly.Ref{Name: name, ID: recorded, Owner: drivertest.Owner}
			got, err := d.Observe(t.Context(), ref)
			if err != nil || got == nil || got.ID != recorded || len(d.Diff(got.Spec, full)) > 0 {
				t.Errorf("observing: %+v, %v", got, err)
			}
			if err := d.Delete(t.Context(), ref); err != nil {
				t.Errorf("deleting: %v", err)
			}
		})
	}
}
