package operate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/topicrule"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// SmokeDevice is the device of a smoke test that names none. It needs no thing: the rules take it from the topic.
const SmokeDevice = "smoke-test"

// MaxSmokeWait is the longest wait for one hop.
const MaxSmokeWait = time.Hour

// Smoke is a test of a whole pipeline with one message.
type Smoke struct {
	Device  string        // a device of the pipeline; "" means SmokeDevice
	Payload string        // as a device sends it; "" makes one, if the pipeline reads the usual form
	Wait    time.Duration // for each hop; 0: as long as the pipeline's own settings let it take, and some minutes
	// SkipArchive leaves the archive out, which takes as long as Firehose collects messages.
	SkipArchive bool
}

// Check reports what is wrong with a smoke test before anything is sent.
func (s Smoke) Check() error {
	switch {
	case len(s.Payload) > maxCommand:
		return fmt.Errorf("the payload has %d bytes, and AWS IoT takes %d", len(s.Payload), maxCommand)
	case s.Wait < 0 || s.Wait > MaxSmokeWait:
		return fmt.Errorf("the wait for one hop is at most %s", MaxSmokeWait)
	}
	return nil
}

// hop is a place that the message must reach.
type hop struct {
	name string
	wait time.Duration
	// reached looks once; what is where the message was found.
	reached func(context.Context) (found bool, what string, err error)
	look    string // at what to look if it was not
}

// smoke is one run.
type smoke struct {
	Smoke
	p       *deployed.Pipeline
	spec    pipeline.Spec // with defaults
	marker  string
	since   time.Time
	known   map[string]bool // objects of the archive that hold other messages
	virtual bool            // the device is no thing
	tell    Progress
}

// RunSmokeTest publishes one message as a device would, and waits until every store of the pipeline and its archive
// have it. The error says which hop the message did not reach, and what to look at. The message is published with the
// operator's own credentials: what it does not test is the device's certificate, policy and connection.
func RunSmokeTest(ctx context.Context, p *deployed.Pipeline, options Smoke, tell Progress) error {
	if err := options.Check(); err != nil {
		return err
	}
	s := &smoke{Smoke: options, p: p, marker: "smoke-" + rand.Text(), tell: tell, known: map[string]bool{}}
	if err := s.prepare(ctx); err != nil {
		return fmt.Errorf("%w. Nothing was sent", err)
	}
	send, err := publisher(ctx, p)
	if err != nil {
		return fmt.Errorf("%w. Nothing was sent", err)
	}
	s.since = time.Now()
	topic := contract.TopicsOf(p.TopicPrefix, s.Device).Telemetry
	if err := send(ctx, topic, s.Payload); err != nil {
		return fmt.Errorf("publishing to %s: %w. Nothing was sent", topic, err)
	}
	tell("published to " + topic)
	err = s.follow(ctx)
	return errors.Join(err, s.clean(ctx, err == nil))
}

// prepare finds out what the pipeline is, and refuses what cannot succeed.
func (s *smoke) prepare(ctx context.Context) error {
	text, err := deployed.ReadManifest(ctx, s.p.Clients(), s.p.Name)
	if err != nil {
		return err
	}
	m, err := pipeline.ParseManifest([]byte(text))
	if err != nil {
		return err
	}
	s.spec = pipeline.Defaults(m.Spec)
	own := s.Device == ""
	s.Device = cmp.Or(s.Device, SmokeDevice)
	if err := s.p.CheckDevice(ctx, s.Device); err != nil {
		asked := awsapi.DetailOf(err).Operation != "" // AWS did not say
		if !own || asked {
			return err
		}
		s.virtual = true
	}
	if err := s.rulesAreOn(ctx); err != nil {
		return err
	}
	if s.Payload == "" {
		if s.Payload, err = s.payload(); err != nil {
			return err
		}
	}
	if s.virtual { // what an earlier run left would count as this one's
		if err := s.removeDevice(ctx); err != nil {
			return err
		}
	}
	return s.remember(ctx)
}

// rulesAreOn looks at the rules that the message needs: a message for a rule that is off is lost.
func (s *smoke) rulesAreOn(ctx context.Context) error {
	_, names := s.p.Rules()
	for _, key := range []string{"telemetry", "archive"} {
		name := names[key]
		if name == "" {
			continue
		}
		rule, err := topicrule.New(s.p.Clients()).Observe(ctx,
			assembly.Ref{Name: name, ID: name, Owner: s.p.ID, Full: true})
		switch {
		case err != nil:
			return fmt.Errorf("looking at the topic rule %q: %w", name, err)
		case rule == nil:
			return fmt.Errorf("there is no topic rule %q, so nothing reaches the pipeline; an apply makes it again",
				name)
		case rule.Spec.Disabled:
			return fmt.Errorf("the topic rule %q is off, so nothing reaches the pipeline: resume it (iotctl resume %s "+
				"%s)", name, s.p.Name, key)
		}
	}
	return nil
}

// payload is a message in the usual form, with a text for its only measure: metrics do not count texts, conditions of
// alerts do not know it, and the device's state is written at once when a text changes.
func (s *smoke) payload() (string, error) {
	t := *s.spec.Telemetry
	own := []struct {
		name    string
		written bool
	}{
		{"select", t.Select != nil}, {"where", t.Where != nil}, {"data_path", t.DataPath != nil},
		{"time_path", t.TimePath != nil}, {"time_format", t.TimeFormat != nil && *t.TimeFormat != "auto"},
		{"readings_path", t.ReadingsPath != nil}, {"pairs", t.Pairs != nil}, {"ignore", len(t.Ignore) > 0},
		{"format", t.Format != nil && *t.Format != "json"}, {"compression", t.Compression != nil},
	}
	for _, o := range own {
		if o.written {
			return "", fmt.Errorf("the pipeline reads messages in a form of its own (telemetry.%s): give a payload as "+
				"a device sends it", o.name)
		}
	}
	return s.usual(s.marker)
}

func (s *smoke) usual(marker string) (string, error) {
	t := s.spec.Telemetry
	text, err := json.Marshal(map[string]any{
		*t.TimeField: time.Now().UnixMilli(), *t.DataField: map[string]string{"smoke_test": marker}})
	return string(text), err
}

// follow waits for each hop. Behind a store that the message did not reach, the others are looked at as well: that says
// where it was lost.
func (s *smoke) follow(ctx context.Context) error {
	var errs []error
	for _, h := range s.hops() {
		began := time.Now()
		wait := h.wait
		if s.Wait > 0 {
			wait = s.Wait
		}
		if h.wait > time.Minute*4 {
			s.tell(fmt.Sprintf("%s: waiting for up to %s", h.name, wait))
		}
		var what string
		err := s.p.Clients().Poll(ctx, h.name, wait, func(ctx context.Context) (found bool, err error) {
			found, what, err = h.reached(ctx)
			return found, err
		})
		if err == nil {
			s.tell(fmt.Sprintf("%s: there after %s%s", h.name, time.Since(began).Round(time.Second/10), what))
			continue
		}
		s.tell(fmt.Sprintf("%s: not there after %s", h.name, time.Since(began).Round(time.Second/10)))
		errs = append(errs, fmt.Errorf("the message did not reach the %s: %w. %s", h.name, err, h.look))
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 0 {
		s.tell("the message is stored and archived")
		return nil
	}
	return errors.Join(append(errs, s.traces(ctx))...)
}

// hops are the places that the message must reach, in order.
func (s *smoke) hops() []hop {
	// A device that is known is written again only when its refresh is due.
	stores := 2*time.Minute + time.Duration(*s.spec.Processor.BatchWindowSeconds+
		*s.spec.DeviceState.RefreshSeconds)*time.Second
	group := "/aws/lambda/" + s.p.Parts[contract.KeyFunctionPrefix+"processor"].Name
	hops := []hop{{name: "device state", wait: stores, reached: s.inDeviceTable,
		look: "Look at the dead letters (iotctl redrive " + s.p.Name + " --dry-run) and at the processor's log " +
			group}}
	if s.spec.Recent != nil {
		hops = append(hops, hop{name: "recent readings", wait: time.Minute, reached: s.inRecentReadings,
			look: "The processor writes them; look at its log " + group})
	}
	if s.spec.Timestream != nil || s.spec.InfluxDB != nil {
		hops = append(hops, hop{name: s.databases(), wait: time.Minute, reached: s.inDatabases,
			look: "Look at the processor's log " + group})
	}
	if *s.spec.Archive.Enabled && !s.SkipArchive {
		wait, look := 2*time.Minute, "Look at the dead letters of the topic rule archive"
		if *s.spec.Archive.Delivery == pipeline.DeliveryBatched {
			wait = time.Duration(*s.spec.Archive.BufferSeconds)*time.Second + 6*time.Minute
			look = "Firehose writes what it could not deliver below s3://" + s.p.Parts[contract.KeyBucket].Name +
				"/archive-errors/, and why to the log group /aws/kinesisfirehose/" + s.p.Name + "-archive"
		}
		hops = append(hops, hop{name: "archive", wait: wait, reached: s.inArchive, look: look})
	}
	return hops
}

// databases names the databases that only the processor has credentials for.
func (s *smoke) databases() string {
	var names []string
	if s.spec.Timestream != nil {
		names = append(names, "Timestream")
	}
	if s.spec.InfluxDB != nil {
		names = append(names, "InfluxDB")
	}
	return strings.Join(names, " and ")
}

// sameText reports whether an archived payload is the message.
func (s *smoke) sameText(archived string) bool {
	return archived == s.Payload || bytes.Contains([]byte(archived), []byte(s.marker))
}
