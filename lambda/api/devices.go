package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/danielgtaylor/huma/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// statusNeverSeen is the status of a device that has sent nothing yet.
const statusNeverSeen = "never_seen"

// DeviceParameter is the parameter of paths below a device.
type DeviceParameter struct {
	Device string `path:"device" pattern:"^[a-zA-Z0-9:_-]{1,128}$" doc:"The thing's name"`
}

// Device is a device's state.
type Device struct {
	Device     string         `json:"device" doc:"The thing's name"`
	Status     string         `json:"status" doc:"online, offline, silent, or never_seen"`
	StatusAt   *time.Time     `json:"status_at,omitempty" doc:"Of the message that the status comes from"`
	SilentAt   *time.Time     `json:"silent_at,omitempty" doc:"When a silent device was marked as silent"`
	LastSeen   *time.Time     `json:"last_seen,omitempty" doc:"When the newest message arrived"`
	MeasuredAt *time.Time     `json:"measured_at,omitempty" doc:"The device's own time of its latest measures"`
	Latest     map[string]any `json:"latest,omitempty" doc:"The latest measures: numbers, texts and Booleans by name"`
	// With presence only.
	Connected        *bool      `json:"connected,omitempty" doc:"Whether it has a connection, as AWS IoT tells"`
	DisconnectedAt   *time.Time `json:"disconnected_at,omitempty" doc:"When its last connection ended"`
	DisconnectReason string     `json:"disconnect_reason,omitempty" doc:"Why, as AWS IoT names it"`
}

// Certificate is a certificate of a device.
type Certificate struct {
	ID       string     `json:"id"`
	Status   string     `json:"status" doc:"As AWS IoT names it: ACTIVE, INACTIVE, REVOKED, …"`
	NotAfter *time.Time `json:"not_after,omitempty" doc:"When it expires"`
}

// DeviceDetails is all that is known of one device.
type DeviceDetails struct {
	Device
	Registered   bool              `json:"registered" doc:"false: it or its gateway was removed; its state is left"`
	Gateway      string            `json:"gateway,omitempty" doc:"The gateway that the device is behind"`
	Attributes   map[string]string `json:"attributes,omitempty" doc:"The thing's attributes"`
	Certificates []Certificate     `json:"certificates,omitempty" doc:"Its certificates, five at most"`
}

// Devices is a page of devices.
type Devices struct {
	Devices []Device `json:"devices"`
	Cursor  string   `json:"cursor,omitempty" doc:"Of the next page; absent on the last"`
}

type devicesInput struct {
	PageParameters
	Status string `query:"status" enum:"online,offline,silent" doc:"Only the devices of a status"`
}

type devicesOutput struct{ Body Devices }

type deviceOutput struct{ Body DeviceDetails }

func (s *service) deviceOperations(api huma.API) {
	register(api, operation("listDevices", http.MethodGet, "/v1/devices", "List devices",
		"The devices that have sent something, in an order that does not change. None appears twice, and none is "+
			"missing that is there all the time.", http.StatusBadRequest), s.listDevices)
	register(api, operation("getDevice", http.MethodGet, "/v1/devices/{device}", "Get a device",
		"State, thing and certificates."), s.getDevice)
}

func (s *service) listDevices(ctx context.Context, in *devicesInput) (*devicesOutput, error) {
	query := []string{"devices", in.Status}
	after, err := s.place(query, in.Cursor)
	if err != nil {
		return nil, err
	}
	list := s.scan
	if in.Status != "" {
		list = func(ctx context.Context, limit int, after string) ([]Device, string, error) {
			return s.ofStatus(ctx, in.Status, limit, after)
		}
	}
	devices, next, err := list(ctx, in.Limit, after)
	if err != nil {
		return nil, s.failed(ctx, err, "listing devices")
	}
	if devices == nil {
		devices = []Device{}
	}
	return &devicesOutput{Devices{Devices: devices, Cursor: s.cursor(query, next)}}, nil
}

func (s *service) getDevice(ctx context.Context, in *deviceInput) (*deviceOutput, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(s.devices), Key: deviceKey(in.Device)})
	if err != nil {
		return nil, s.failed(ctx, err, "reading a device")
	}
	thing, err := s.thing(ctx, in.Device)
	if err != nil {
		return nil, s.failed(ctx, err, "describing a thing")
	}
	details := DeviceDetails{Device: readDevice(in.Device, out.Item), Registered: thing != nil,
		Gateway: s.gatewayOf(in.Device)}
	if thing == nil {
		if details.Registered, err = s.behind(ctx, in.Device); err != nil {
			return nil, s.failed(ctx, err, "describing a gateway's thing")
		}
		if !details.Registered && len(out.Item) == 0 {
			return nil, s.noDevice(in.Device)
		}
		return &deviceOutput{details}, nil
	}
	details.Attributes = map[string]string{}
	for name, value := range thing.Attributes {
		if !strings.HasPrefix(name, contract.OwnerAttribute) {
			details.Attributes[name] = value
		}
	}
	if details.Certificates, err = s.certificates(ctx, in.Device); err != nil {
		return nil, s.failed(ctx, err, "reading a device's certificates")
	}
	return &deviceOutput{details}, nil
}

type deviceInput struct{ DeviceParameter }

func (s *service) noDevice(name string) *Problem {
	if gateway := s.gatewayOf(name); gateway != "" {
		return unknownDevice.problem("The pipeline has no device %q, and no gateway %q that it could be behind.", name,
			gateway)
	}
	return unknownDevice.problem("The pipeline has no device %q.", name)
}

// thing describes a device's thing, nil if there is none or if it belongs to somebody else.
func (s *service) thing(ctx context.Context, name string) (*iot.DescribeThingOutput, error) {
	out, err := s.registry.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: aws.String(name)})
	if errors.As(err, new(*iottypes.ResourceNotFoundException)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if out.Attributes[contract.OwnerAttribute] != s.owner {
		return nil, nil
	}
	return out, nil
}

// known returns a problem unless a device belongs to the pipeline. A row in the device table proves it: the policy lets
// a device write below its own name only, and the row is not that of another pipeline's device of the same name. A
// device behind a gateway need not be described: only its gateway knows whether there is one.
func (s *service) known(ctx context.Context, name string) error {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(s.devices), Key: deviceKey(name), ProjectionExpression: aws.String(contract.DeviceKey),
	})
	if err != nil {
		return s.failed(ctx, err, "reading a device")
	}
	if len(out.Item) > 0 {
		return nil
	}
	return s.exists(ctx, name)
}

// exists returns a problem unless a device has a thing of the pipeline, or its gateway has one.
func (s *service) exists(ctx context.Context, name string) error {
	thing, err := s.thing(ctx, name)
	if err != nil {
		return s.failed(ctx, err, "describing a thing")
	}
	if thing != nil {
		return nil
	}
	behind, err := s.behind(ctx, name)
	if err != nil {
		return s.failed(ctx, err, "describing a gateway's thing")
	}
	if !behind {
		return s.noDevice(name)
	}
	return nil
}

// gatewayOf returns the gateway that a device is behind, or "".
func (s *service) gatewayOf(name string) string {
	if !s.gateways || !contract.IsChild(name) {
		return ""
	}
	return contract.GatewayOf(name)
}

// behind reports whether a device is behind a gateway that belongs to the pipeline now.
func (s *service) behind(ctx context.Context, name string) (bool, error) {
	gateway := s.gatewayOf(name)
	if gateway == "" {
		return false, nil
	}
	thing, err := s.thing(ctx, gateway)
	return thing != nil, err
}

// registered returns a problem unless a device's thing belongs to the pipeline now. What belongs to a thing, such as
// its shadows, needs this: a thing of that name may be another pipeline's by now.
func (s *service) registered(ctx context.Context, name string) error {
	thing, err := s.thing(ctx, name)
	if err != nil {
		return s.failed(ctx, err, "describing a thing")
	}
	if thing != nil {
		return nil
	}
	if gateway := s.gatewayOf(name); gateway != "" {
		return unknownDevice.problem("%q has no thing, and so no shadows: it is behind the gateway %q and not "+
			"described in the pipeline.", name, gateway)
	}
	return s.noDevice(name)
}

// maxCertificates bounds the certificates of a device; one has more than two only during a rotation that went wrong.
const maxCertificates = 5

func (s *service) certificates(ctx context.Context, name string) ([]Certificate, error) {
	out, err := s.registry.ListThingPrincipals(ctx, &iot.ListThingPrincipalsInput{
		ThingName: aws.String(name), MaxResults: aws.Int32(maxCertificates),
	})
	if err != nil {
		return nil, err
	}
	var found []Certificate
	for _, arn := range out.Principals {
		_, id, ok := strings.Cut(arn, ":cert/")
		if !ok {
			continue
		}
		c, err := s.registry.DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: aws.String(id)})
		if errors.As(err, new(*iottypes.ResourceNotFoundException)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		certificate := Certificate{ID: id, Status: string(c.CertificateDescription.Status)}
		if v := c.CertificateDescription.Validity; v != nil {
			certificate.NotAfter = v.NotAfter
		}
		found = append(found, certificate)
	}
	return found, nil
}

func deviceKey(name string) item { return item{contract.DeviceKey: text(name)} }

// readDevice reads a row of the device table; a device without one has never been seen.
func readDevice(name string, row item) Device {
	d := Device{
		Device: name, Status: content(row[contract.StatusAttribute]), StatusAt: moment(row["status_at"]),
		LastSeen: moment(row[contract.LastSeenAttribute]), MeasuredAt: moment(row["measured_at"]),
		Latest:           plainMap(row["latest"]),
		DisconnectedAt:   moment(row[contract.DisconnectedAtAttribute]),
		DisconnectReason: content(row[contract.DisconnectReasonAttribute]),
	}
	if connected, ok := row[contract.ConnectedAttribute].(*types.AttributeValueMemberBOOL); ok {
		d.Connected = &connected.Value
	}
	if d.Status == contract.StatusSilent {
		d.SilentAt = moment(row[contract.SilentAtAttribute])
	}
	if d.Status == "" {
		d.Status = statusNeverSeen
	}
	return d
}
