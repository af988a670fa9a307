// Package provisioning implements AWS IoT's fleet provisioning by claim: over MQTT, a device with a claim certificate
// requests its own certificate, and then its registration with a template. [AWS 4 Claim flow]
//
// The AWS endpoint stores templates, things and certificates; this package adds what moto lacks, the MQTT API and the
// evaluation of templates. It does not know the broker: messages arrive through Handle, and answers leave through
// Reply.
package provisioning

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/lane"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

const (
	lanes      = 8
	laneLength = 64
	// sweepEvery is how often expired tokens are removed.
	sweepEvery = time.Minute
	// closeLimit limits the removal of unused certificates in Close.
	closeLimit = 10 * time.Second
)

// API is the part of the SDK's IoT client that the service uses.
type API interface {
	DescribeProvisioningTemplate(context.Context, *iot.DescribeProvisioningTemplateInput,
		...func(*iot.Options)) (*iot.DescribeProvisioningTemplateOutput, error)
	CreateCertificateFromCsr(context.Context, *iot.CreateCertificateFromCsrInput,
		...func(*iot.Options)) (*iot.CreateCertificateFromCsrOutput, error)
	UpdateCertificate(context.Context, *iot.UpdateCertificateInput,
		...func(*iot.Options)) (*iot.UpdateCertificateOutput, error)
	DeleteCertificate(context.Context, *iot.DeleteCertificateInput,
		...func(*iot.Options)) (*iot.DeleteCertificateOutput, error)
	DescribeThing(context.Context, *iot.DescribeThingInput, ...func(*iot.Options)) (*iot.DescribeThingOutput, error)
	CreateThing(context.Context, *iot.CreateThingInput, ...func(*iot.Options)) (*iot.CreateThingOutput, error)
	UpdateThing(context.Context, *iot.UpdateThingInput, ...func(*iot.Options)) (*iot.UpdateThingOutput, error)
	AttachThingPrincipal(context.Context, *iot.AttachThingPrincipalInput,
		...func(*iot.Options)) (*iot.AttachThingPrincipalOutput, error)
	ListThingGroupsForThing(context.Context, *iot.ListThingGroupsForThingInput,
		...func(*iot.Options)) (*iot.ListThingGroupsForThingOutput, error)
	AddThingToThingGroup(context.Context, *iot.AddThingToThingGroupInput,
		...func(*iot.Options)) (*iot.AddThingToThingGroupOutput, error)
	RemoveThingFromThingGroup(context.Context, *iot.RemoveThingFromThingGroupInput,
		...func(*iot.Options)) (*iot.RemoveThingFromThingGroupOutput, error)
	AddThingToBillingGroup(context.Context, *iot.AddThingToBillingGroupInput,
		...func(*iot.Options)) (*iot.AddThingToBillingGroupOutput, error)
	CreatePolicy(context.Context, *iot.CreatePolicyInput, ...func(*iot.Options)) (*iot.CreatePolicyOutput, error)
	AttachPolicy(context.Context, *iot.AttachPolicyInput, ...func(*iot.Options)) (*iot.AttachPolicyOutput, error)
}

// Options configure a service.
type Options struct {
	API API
	// Hook calls the function with the ARN; every failure is an error.
	Hook func(ctx context.Context, functionARN string, payload []byte) ([]byte, error)
	// Reply sends a message over the connection of the session; see message.Message.
	Reply  func(session string, m message.Message) error
	Events runlog.Sink
	// Now is the tokens' clock; nil means time.Now.
	Now func() time.Time
}

// A Service answers provisioning requests until it is closed. It serves the requests of one client in order.
type Service struct {
	options Options
	tokens  tokens
	lanes   *lane.Executor[request]
	sweeper sync.WaitGroup
	cancel  context.CancelFunc // ends the sweeper
}

// A request is a message on a topic of the API.
type request struct {
	topic.Provisioning
	message.Message
}

// New starts the service.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{options: o, tokens: tokens{all: map[string]*token{}}}
	s.lanes = lane.New(lanes, laneLength, s.serve)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.sweeper.Go(func() { s.clean(ctx) })
	return s
}

// Handle queues a message if it is a request. It reports whether the message is on a provisioning topic: such messages
// are only for AWS IoT, not for rules.
func (s *Service) Handle(m message.Message) bool {
	p, ok := topic.ParseProvisioning(m.Topic)
	if !ok || p.Answer != "" || p.Format != "json" || m.Session == "" {
		return ok // without a session it comes from a rule, and nobody could receive the answer
	}
	s.lanes.Submit(m.ClientID, request{p, m})
	return true
}

// Wait returns once every queued request has been answered.
func (s *Service) Wait(ctx context.Context) error { return s.lanes.Wait(ctx) }

// Close ends the service and drops queued requests. All tokens become invalid, so it deletes the certificates that have
// not been used.
func (s *Service) Close() {
	s.cancel()
	s.lanes.Close()
	s.sweeper.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	s.sweep(ctx, func(*token) bool { return true })
}

// clean deletes unused certificates after an hour. [AWS 4 Claim flow]
func (s *Service) clean(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.expire(ctx)
		}
	}
}

func (s *Service) expire(ctx context.Context) {
	now := s.options.Now()
	s.sweep(ctx, func(t *token) bool { return !now.Before(t.expires) })
}
