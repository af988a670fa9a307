package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/emf"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/lambdalog"
)

// limits are how long the hook keeps trying.
type limits struct {
	answer time.Duration // for everything, from the invocation on
	// for one call's connection and response, so that a dead connection leaves time for other attempts
	try time.Duration
}

// ofAWS are the limits for AWS IoT, which waits 5 s for a response and treats none as a refusal [AWS 4 Pre-provisioning
// hook]. If the response comes too late, the serial is used up without helping a device, so calls end well before that,
// whatever the function's own timeout is.
var ofAWS = limits{answer: 4 * time.Second, try: 1200 * time.Millisecond}

// refusedAnswer is the response to every request that is not admitted; AWS IoT does not pass the reason to the device.
const refusedAnswer = `{"allowProvisioning":false}`

// registryAPI is the part of the IoT client that the hook uses.
type registryAPI interface {
	DescribeThing(context.Context, *iot.DescribeThingInput, ...func(*iot.Options)) (*iot.DescribeThingOutput, error)
}

// handler handles invocations one at a time, as Lambda sends them to a process.
type handler struct {
	config
	limits
	list     *allowList
	registry registryAPI
	log      *slog.Logger
	level    string
	out      io.Writer // metrics
	now      func() time.Time
	connect  func() // opens a connection to DynamoDB
}

// newHandler does the work of a cold start: it reads the environment and creates the clients.
func newHandler(getenv func(string) string, out io.Writer, l limits) (*handler, error) {
	c, err := loadConfig(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := awsenv.Load(getenv, func(t *http.Transport) {
		t.DialContext = (&net.Dialer{Timeout: l.try, KeepAlive: 30 * time.Second}).DialContext
		t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = l.try, l.try
	})
	if err != nil {
		return nil, err
	}
	h := &handler{config: c, limits: l, level: getenv("AWS_LAMBDA_LOG_LEVEL"), out: out, now: time.Now}
	h.log = lambdalog.New(out, h.level)
	tables := dynamodb.NewFromConfig(cfg)
	h.list = &allowList{client: tables, table: c.table}
	h.connect = func() { awsenv.ConnectTables(cfg, tables) }
	h.registry = iot.NewFromConfig(cfg)
	return h, nil
}

// Invoke answers one request. It returns no error: whatever goes wrong, the device is not admitted, and the log says
// why.
func (h *handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := h.withReserve(ctx, time.Now())
	defer cancel()
	r, why := h.admit(ctx, event)
	h.report(ctx, &r, why)
	if why != nil {
		return []byte(refusedAnswer), nil
	}
	// A string always has a JSON form.
	answer, _ := json.Marshal(
		events.IoTPreProvisionHookResponse{AllowProvisioning: true, ParameterOverrides: r.overrides},
	)
	return answer, nil
}

// withReserve ends calls early enough for AWS IoT to receive the response.
func (l limits) withReserve(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	end := now.Add(l.answer)
	if deadline, ok := ctx.Deadline(); ok {
		deadline = deadline.Add(-max(deadline.Sub(now)/10, 100*time.Millisecond))
		if deadline.Before(end) {
			end = deadline
		}
	}
	return context.WithDeadline(ctx, end)
}

// admit decides on a request. The cheapest checks come first, and the write that uses up the serial comes last, so no
// refused request uses one up. The registration holds what was known at the time of the decision, also after a refusal.
func (h *handler) admit(ctx context.Context, event []byte) (r registration, why *refusal) {
	defer func() {
		if value := recover(); value != nil {
			why = recovered(value)
		}
	}()
	if r, why = h.read(event); why != nil {
		return r, why
	}
	listed, why := h.list.find(ctx, r.serial)
	if why != nil {
		return r, why
	}
	if listed.usedBy != "" && listed.usedBy != r.certificateID {
		return r, usedBy(listed.usedBy)
	}
	if why := h.fill(&r, listed); why != nil {
		return r, why
	}
	if why := h.checkThing(ctx, r.thing); why != nil {
		return r, why
	}
	return r, h.list.use(ctx, &r, h.now())
}

// checkThing refuses a name if a thing has it that did not register with this pipeline: the template would attach the
// certificate to it, and the device would become that thing.
func (h *handler) checkThing(ctx context.Context, name string) *refusal {
	out, err := h.registry.DescribeThing(ctx, &iot.DescribeThingInput{ThingName: aws.String(name)})
	var missing *iottypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return failed(ctx, err, fmt.Sprintf("describing thing %q", name))
	}
	owner, registered := out.Attributes[contract.OwnerAttribute], out.Attributes[contract.RegisteredAttribute]
	switch {
	case owner != h.owner:
		return refuse(thingExists, "there is a thing %q, and it is not of this pipeline", name)
	case registered == "":
		return refuse(thingExists, "there is a thing %q of this pipeline, and it did not register itself", name)
	}
	return nil
}

// report logs the result of a request in one line, and counts it.
func (h *handler) report(ctx context.Context, r *registration, why *refusal) {
	admitted, refused := 1, 0
	level, message := slog.LevelInfo, "device admitted"
	attrs := []slog.Attr{
		slog.String("serial", r.serial), slog.String("thing", r.thing), slog.String("certificate_id", r.certificateID),
		slog.String("client_id", shown(r.clientID, maxShown)),
	}
	metrics := emf.New(h.pipeline, "provisioning", h.level)
	if why != nil {
		admitted, refused = 0, 1
		level, message = slog.LevelWarn, "device refused"
		if why.broken() {
			level = slog.LevelError
		}
		attrs = append(attrs, slog.String("reason", string(why.reason)), slog.String("detail", why.detail))
		if why.stack != "" {
			attrs = append(attrs, slog.String("stack", why.stack))
		}
		metrics.Note("Reason", string(why.reason))
	}
	metrics.Count("Admitted", admitted)
	metrics.Count("Refused", refused)
	h.log.LogAttrs(ctx, level, message, attrs...)
	if _, err := metrics.WriteTo(h.out); err != nil {
		h.log.ErrorContext(ctx, "printing metrics", "error", err.Error())
	}
}
