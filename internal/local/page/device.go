package page

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	datatypes "github.com/aws/aws-sdk-go-v2/service/iotdataplane/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// deviceDetail is all that the page shows of one device.
type deviceDetail struct {
	Device
	Attributes   map[string]string `json:"attributes"`
	Topics       contract.Topics   `json:"topics"`
	State        map[string]any    `json:"state,omitempty"` // its item of the device table
	Certificates []certificate     `json:"certificates"`
	Shadows      []shadow          `json:"shadows"`
	Presence     []Presence        `json:"presence"`
	History      []point           `json:"history"`
	Store        string            `json:"store"` // where the history comes from
	HasAPI       bool              `json:"has_api"`
}

// certificate is a certificate of a device.
type certificate struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
}

// shadow is a shadow document; the classic one has no name.
type shadow struct {
	Name     string          `json:"name"`
	Document json.RawMessage `json:"document"`
}

// point is a reading: its time in epoch milliseconds, and its numbers.
type point struct {
	At       int64          `json:"at"`
	Measures map[string]any `json:"measures"`
}

// device shows one device.
func (s *Server) device(r *http.Request) (any, error) {
	ctx, name := r.Context(), r.PathValue("device")
	manifest, err := s.options.Runtime.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	thing, err := s.options.Runtime.Clients().IoT().DescribeThing(ctx, &iot.DescribeThingInput{ThingName: &name})
	if errors.As(err, new(*iottypes.ResourceNotFoundException)) {
		return nil, notFound("there is no device %q", name)
	}
	if err != nil {
		return nil, err
	}
	d := deviceDetail{Attributes: thing.Attributes, Topics: contract.TopicsOf(manifest.TopicPrefix, name),
		HasAPI: manifest.HasAPI() && s.options.Runtime.API() != nil, Presence: []Presence{}}
	d.Name = name
	f := s.options.Feed
	f.mu.Lock()
	if live := f.devices[name]; live != nil {
		d.Beat, d.Presence = live.beat(name), slices.Clone(live.presence)
	}
	f.mu.Unlock()
	item, err := s.item(ctx, manifest, name)
	if err != nil {
		return nil, err
	}
	if item != nil {
		d.State, _ = plain(&ddbtypes.AttributeValueMemberM{Value: item}).(map[string]any)
		d.Status = attributeText(item[contract.StatusAttribute])
	}
	if d.Certificates, err = s.certificates(ctx, name); err != nil {
		return nil, err
	}
	if d.Shadows, err = s.shadows(ctx, name); err != nil {
		return nil, err
	}
	d.History, d.Store, err = s.history(ctx, manifest, name)
	return d, err
}

func (s *Server) certificates(ctx context.Context, thing string) ([]certificate, error) {
	client := s.options.Runtime.Clients().IoT()
	out, err := client.ListThingPrincipals(ctx, &iot.ListThingPrincipalsInput{ThingName: &thing})
	if err != nil {
		return nil, err
	}
	list := []certificate{}
	for _, arn := range out.Principals {
		id := afterSlash(arn)
		found, err := client.DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: &id})
		if err != nil {
			return nil, err
		}
		d := found.CertificateDescription
		c := certificate{ID: id, Status: string(d.Status), Created: aws.ToTime(d.CreationDate)}
		if block, _ := pem.Decode([]byte(aws.ToString(d.CertificatePem))); block != nil {
			if parsed, err := x509.ParseCertificate(block.Bytes); err == nil {
				c.Expires = parsed.NotAfter
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// shadows reads the classic shadow and the named ones.
func (s *Server) shadows(ctx context.Context, thing string) ([]shadow, error) {
	client := awsapi.IoTDataClient(s.options.Runtime.Clients())
	named, err := client.ListNamedShadowsForThing(ctx,
		&iotdataplane.ListNamedShadowsForThingInput{ThingName: &thing})
	if err != nil {
		return nil, err
	}
	list := []shadow{}
	for _, name := range append([]string{""}, named.Results...) {
		in := &iotdataplane.GetThingShadowInput{ThingName: &thing}
		if name != "" {
			in.ShadowName = &name
		}
		out, err := client.GetThingShadow(ctx, in)
		if errors.As(err, new(*datatypes.ResourceNotFoundException)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, shadow{name, out.Payload})
	}
	return list, nil
}

// maxPoints is how many readings a plot has.
const maxPoints = 500

// keyReadings is the key of the table of recent readings in the manifest.
const keyReadings = "recent/table"

// history reads the last readings of a device: from the table of recent readings, or else from the messages that the
// page has seen.
func (s *Server) history(ctx context.Context, m *local.Manifest, name string) ([]point, string, error) {
	table := m.Parts[keyReadings]
	if table == "" {
		return s.seen(name), "the messages since iot-local started", nil
	}
	out, err := s.options.Runtime.Clients().DynamoDB().Query(ctx, &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("#device = :device"),
		ExpressionAttributeNames:  map[string]string{"#device": contract.DeviceKey},
		ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":device": textOf(name)},
		ScanIndexForward:          aws.Bool(false), Limit: aws.Int32(maxPoints),
	})
	if err != nil {
		return nil, "", err
	}
	points := []point{}
	for _, item := range out.Items {
		text, _, _ := strings.Cut(attributeText(item[contract.ReadingKey]), "#")
		at, err := time.Parse(time.RFC3339, text)
		measures, ok := plain(item[contract.MeasuresAttribute]).(map[string]any)
		if err == nil && ok {
			points = append(points, point{at.UnixMilli(), measures})
		}
	}
	slices.Reverse(points)
	return points, "the table of recent readings", nil
}

// seen decodes the device's messages that the feed still has.
func (s *Server) seen(name string) []point {
	f := s.options.Feed
	f.mu.Lock()
	defer f.mu.Unlock()
	points := []point{}
	for _, m := range f.messages.since(0, keptMessages) {
		if m.Thing != name || m.Cut || !strings.HasSuffix(m.Topic, "/telemetry") {
			continue
		}
		readings, err := f.decoder.Decode(m.payload, m.Time)
		if err != nil {
			continue
		}
		for _, r := range readings {
			p := point{r.Time.UnixMilli(), map[string]any{}}
			for _, measure := range r.Measures {
				if measure.Kind == telemetry.Number {
					p.Measures[measure.Name] = measure.Float()
				}
			}
			points = append(points, p)
		}
	}
	slices.SortStableFunc(points, func(a, b point) int { return int(a.At - b.At) })
	return last(points, maxPoints)
}

// command publishes a command to a device as AWS IoT would. With the device management API, the page uses that instead:
// it remembers commands and their answers.
func (s *Server) command(r *http.Request) (any, error) {
	var payload json.RawMessage
	if err := read(r, &payload); err != nil {
		return nil, err
	}
	manifest, err := s.options.Runtime.Manifest(r.Context())
	if err != nil {
		return nil, err
	}
	topic := contract.CommandTopic(manifest.TopicPrefix, r.PathValue("device"), manifest.HasGateways())
	m := message.New(topic, payload)
	m.QoS = 1
	return map[string]any{"topic": m.Topic}, s.options.Runtime.Publish(m)
}

// management passes a request on to the pipeline's device management API.
func (s *Server) management(w http.ResponseWriter, r *http.Request) {
	api := s.options.Runtime.API()
	if api == nil {
		fail(w, http.StatusNotFound, "the device management API is not served")
		return
	}
	forwarded := r.Clone(r.Context())
	forwarded.URL.Path = strings.TrimPrefix(r.URL.Path, "/api")
	forwarded.URL.RawPath = ""
	for _, name := range []string{"Origin", "Authorization", "Cookie"} {
		forwarded.Header.Del(name) // the page's own
	}
	api.ServeHTTP(w, forwarded)
}
