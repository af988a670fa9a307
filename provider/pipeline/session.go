package pipeline

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/iot-pipeline/terraform-provider-iot/internal/archives"
	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/devicefile"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/fleet"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
)

// session is one operation on one pipeline: the desired parts, where they belong, and the engine that applies them.
type session struct {
	model   *model
	env     pipeline.Env
	parts   []assembly.Part
	clients *awsapi.Clients
	fleet   *fleet.Driver
	roster  *devicefile.Roster // the file of the devices; nil without one
	engine  *assembly.Engine
	// keepsAdopted says that a removal releases adopted devices.
	keepsAdopted bool
	unread       []pipeline.Problem // files of the user's that the session does without
	undone       []string           // devices that get a new certificate or bundle at the next apply, after a read
}

// purpose is what a session is for.
type purpose int

const (
	planning purpose = iota
	reading
	applying
	deleting
	comparing // with another description of the same pipeline, whose device file it shares
)

// options are what a session needs besides the pipeline.
type options struct {
	purpose purpose
	roster  *devicefile.Roster // for comparing; every other session reads the file itself
	prior   *model             // the state that a plan or an apply starts from; nil: there is none
	// keepAdopted makes a delete release adopted devices even with force_destroy.
	keepAdopted bool
}

// newSession prepares an operation. It sends nothing, unless the MQTT endpoint is not known yet. To delete, it needs
// only the records, not the description.
func newSession(ctx context.Context, conn *connection.Connection, m *model, o options) (*session, error) {
	clients, err := conn.In(m.region())
	if err != nil {
		return nil, err
	}
	if err := ownAccount(m.text("account_id"), clients.AccountID()); err != nil {
		return nil, err
	}
	s := &session{model: m, clients: clients, roster: o.roster,
		keepsAdopted: o.keepAdopted || !m.forceDestroy()}
	if o.purpose == deleting {
		s.env = place(clients, m)
		s.equip(ctx, conn, o.purpose, spec.Fleet{})
		return s, nil
	}
	if o.purpose != comparing {
		if s.roster, err = readRoster(ctx, o.purpose, m); err != nil {
			return nil, err
		}
	}
	if s.env, err = environment(ctx, conn, clients, m); err != nil {
		return nil, err
	}
	s.readFiles(ctx, o.purpose, o.prior)
	if s.roster != nil {
		s.env.Roster = s.roster.Devices
		err := errors.Join(pipeline.CheckSilence(m.spec, s.env),
			pipeline.CheckGateways(m.spec, s.env, m.unknown.Covers))
		if err != nil {
			return nil, err
		}
	}
	if s.parts, err = pipeline.Build(m.spec, s.env); err != nil {
		return nil, err
	}
	s.equip(ctx, conn, o.purpose, s.wantedFleet())
	return s, nil
}

// equip makes the engine. Wanted is the fleet as described; it supplies what the record does not hold.
func (s *session) equip(ctx context.Context, conn *connection.Connection, purpose purpose, wanted spec.Fleet) {
	var names []string
	if purpose == applying {
		names = slices.Sorted(maps.Keys(wanted.Devices))
	}
	s.fleet = fleet.New(s.clients, s.model.identities(pipeline.NamingOf(s.model.spec, s.env)), fleet.Options{
		Wanted:       names,
		Known:        wanted.Devices,
		Defaults:     wanted,
		ReadBundles:  s.model.imported() && !s.model.fromFile(),
		KeepAdopted:  s.keepsAdopted,
		EmptyExists:  s.model.imported(),
		NoIdentities: s.model.fromFile(),
		DeepCheck:    s.deepCheck(purpose, len(wanted.Devices)),
		Progress:     bulk.Paced(progressInterval, time.Now, func(p bulk.Progress) { logProgress(ctx, p) }),
	})
	s.engine = &assembly.Engine{Drivers: drivers.Registry(s.clients, s.fleet), Owner: s.env.Owner, Log: log,
		Tags:  conn.TagIndex(s.clients),
		Scope: func(ctx context.Context, key string) context.Context { return tflog.SetField(ctx, "part", key) }}
}

// environment is everything outside the description that the parts depend on.
func environment(
	ctx context.Context,
	conn *connection.Connection,
	clients *awsapi.Clients,
	m *model,
) (pipeline.Env, error) {
	endpoint := m.text("mqtt_endpoint")
	if endpoint == "" {
		var err error
		if endpoint, err = clients.MQTTEndpoint(ctx); err != nil {
			return pipeline.Env{}, err
		}
	}
	tags, known := m.tagsAll()
	if !known {
		tags = conn.Tags(m.spec.Tags)
	}
	env := place(clients, m)
	env.Tags, env.MQTTEndpoint, env.DataEndpoint = tags, endpoint, clients.DataEndpoint(endpoint)
	env.Code, env.CredentialsStore = shipped, m.text("credentials_store")
	return env, nil
}

// place is the account and region of the pipeline, and its owner token.
func place(clients *awsapi.Clients, m *model) pipeline.Env {
	return pipeline.Env{AccountID: clients.AccountID(), Region: clients.Region(), Partition: clients.Partition(),
		Owner: m.text("id")}
}

// shipped returns the functions' code that is built into the provider.
func shipped(architecture string) (string, func() ([]byte, error), error) {
	a, err := archives.Lookup(architecture)
	return a.CodeSHA256, a.Zip, err
}

// wantedFleet is the spec of the fleet part, which depends on no other part.
func (s *session) wantedFleet() spec.Fleet {
	for _, p := range s.parts {
		if p.Key == pipeline.KeyFleet {
			if want, err := p.Want(nil); err == nil {
				fleet, _ := want.(spec.Fleet)
				return fleet
			}
		}
	}
	return spec.Fleet{}
}

// progressInterval is the time between two log lines about the progress of a fleet.
const progressInterval = 10 * time.Second

func logProgress(ctx context.Context, p bulk.Progress) {
	fields := map[string]any{"what": p.What, "done": p.Done, "per_second": math.Round(p.PerSecond*10) / 10}
	if p.Total > 0 {
		fields["total"] = p.Total
	}
	if p.Left > 0 {
		fields["left"] = p.Left.String()
	}
	tflog.Info(ctx, "devices", fields)
}

// log writes each step of the engine to Terraform's log. Specs are not logged: they may hold certificates.
func log(ctx context.Context, e assembly.Event) {
	fields := map[string]any{"part": e.Key, "kind": e.Kind, "name": e.Name, "elapsed_ms": e.Elapsed.Milliseconds()}
	if e.Detail != "" {
		fields["fields"] = e.Detail
	}
	message := string(e.Operation)
	switch {
	case e.Err != nil:
		fields["error"] = e.Err.Error()
		tflog.Error(ctx, message, fields)
	case e.Operation == assembly.Reading:
		tflog.Debug(ctx, message, fields)
	default:
		tflog.Info(ctx, message, fields)
	}
}

// Defaults of timeouts. A delete waits for the thing type, which AWS keeps for five minutes.
const (
	defaultTimeout = 30 * time.Minute
	readTimeout    = 10 * time.Minute
	deleteTimeout  = 45 * time.Minute
)

func byKey(records []assembly.Record) map[string]assembly.Record {
	m := make(map[string]assembly.Record, len(records))
	for _, r := range records {
		m[r.Key] = r
	}
	return m
}
