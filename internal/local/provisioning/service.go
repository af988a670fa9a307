// Package provisioning plays AWS IoT's fleet provisioning by claim: a device that has only a claim certificate asks over
// MQTT for a certificate of its own and then for its registration by a template. [AWS 4 Claim flow]
//
// Templates, things and certificates are those of the AWS endpoint; what moto and its like lack, the MQTT side and the reading
// of templates, is here. It does not know the broker: messages come through Handle, and answers leave through Reply.
package provisioning

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/event"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/pending"
	"github.com/iot-pipeline/terraform-provider-iot/internal/topic"
)

const (
	lanes      = 8
	laneLength = 64
	// sweepEvery is how often certificates are looked for whose hour is over.
	sweepEvery = time.Minute
	// closeLimit bounds the removal of unused certificates at the end.
	closeLimit = 10 * time.Second
)

// API is what the service asks of AWS IoT; the SDK's client is one.
type API interface {
	DescribeProvisioningTemplate(context.Context, *iot.DescribeProvisioningTemplateInput, ...func(*iot.Options)) (*iot.DescribeProvisioningTemplateOutput, error)
	CreateCertificateFromCsr(context.Context, *iot.CreateCertificateFromCsrInput, ...func(*iot.Options)) (*iot.CreateCertificateFromCsrOutput, error)
	UpdateCertificate(context.Context, *iot.UpdateCertificateInput, ...func(*iot.Options)) (*iot.UpdateCertificateOutput, error)
	DeleteCertificate(context.Context, *iot.DeleteCertificateInput, ...func(*iot.Options)) (*iot.DeleteCertificateOutput, error)
	DescribeThing(context.Context, *iot.DescribeThingInput, ...func(*iot.Options)) (*iot.DescribeThingOutput, error)
	CreateThing(context.Context, *iot.CreateThingInput, ...func(*iot.Options)) (*iot.CreateThingOutput, error)
	UpdateThing(context.Context, *iot.UpdateThingInput, ...func(*iot.Options)) (*iot.UpdateThingOutput, error)
	AttachThingPrincipal(context.Context, *iot.AttachThingPrincipalInput, ...func(*iot.Options)) (*iot.AttachThingPrincipalOutput, error)
	ListThingGroupsForThing(context.Context, *iot.ListThingGroupsForThingInput, ...func(*iot.Options)) (*iot.ListThingGroupsForThingOutput, error)
	AddThingToThingGroup(context.Context, *iot.AddThingToThingGroupInput, ...func(*iot.Options)) (*iot.AddThingToThingGroupOutput, error)
	RemoveThingFromThingGroup(context.Context, *iot.RemoveThingFromThingGroupInput, ...func(*iot.Options)) (*iot.RemoveThingFromThingGroupOutput, error)
	AddThingToBillingGroup(context.Context, *iot.AddThingToBillingGroupInput, ...func(*iot.Options)) (*iot.AddThingToBillingGroupOutput, error)
	CreatePolicy(context.Context, *iot.CreatePolicyInput, ...func(*iot.Options)) (*iot.CreatePolicyOutput, error)
	AttachPolicy(context.Context, *iot.AttachPolicyInput, ...func(*iot.Options)) (*iot.AttachPolicyOutput, error)
}

// Options say with what the service works.
type Options struct {
	API API
	// Hook calls the function with the ARN; its error is one of the function or of the host.
	Hook func(ctx context.Context, functionARN string, payload []byte) ([]byte, error)
	// Reply sends a message over the one connection with the session, see message.Message.
	Reply  func(session string, m message.Message) error
	Events event.Sink
	// Now is the clock of the tokens; nil is time.Now.
	Now func() time.Time
}

// A Service answers provisioning requests until it is closed. Requests of one client are served in order.
type Service struct {
	options Options
	tokens  tokens
	seed    maphash.Seed
	lanes   [lanes]chan request
	waiting pending.Counter
	workers sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
}

// request is one message on a topic of the API.
type request struct {
	topic.Provisioning
	message.Message
}

// New starts the service.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{options: o, seed: maphash.MakeSeed(), tokens: tokens{all: map[string]*token{}}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for i := range s.lanes {
		s.lanes[i] = make(chan request, laneLength)
		s.workers.Go(func() { s.work(s.lanes[i]) })
	}
	s.workers.Go(s.clean)
	return s
}

// Handle takes a message if it is a request, and says whether it was one: such messages are for AWS IoT only, not for rules.
func (s *Service) Handle(m message.Message) bool {
	p, ok := topic.ParseProvisioning(m.Topic)
	if !ok || p.Answer != "" || p.Format != "json" || m.Session == "" {
		return ok // without a session it is from a rule, and nobody would get the answer
	}
	s.waiting.Begin()
	select {
	case s.lanes[maphash.String(s.seed, m.ClientID)%lanes] <- request{p, m}:
	case <-s.ctx.Done():
		s.waiting.End()
	}
	return true
}

// Wait returns when every request taken before the call has been answered.
func (s *Service) Wait(ctx context.Context) error { return s.waiting.Wait(ctx) }

// Close ends the service; requests that wait are dropped. Tokens end with it, so certificates that have not been used, which
// nobody can use any more, are deleted.
func (s *Service) Close() {
	s.cancel()
	s.workers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	s.sweep(ctx, func(*token) bool { return true })
}

func (s *Service) work(lane chan request) {
	for {
		select {
		case r := <-lane:
			s.serve(r)
			s.waiting.End()
		case <-s.ctx.Done():
			return
		}
	}
}

// clean deletes the certificates whose hour is over. [AWS 4 Claim flow]
func (s *Service) clean() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
			s.expire()
		}
	}
}

func (s *Service) expire() {
	now := s.options.Now()
	s.sweep(s.ctx, func(t *token) bool { return !now.Before(t.expires) })
}
