package pipeline

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/provider/connection"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfvalue"
)

// predictOutputs plans what follows from the arguments alone.
func (p *planner) predictOutputs(ctx context.Context, s *session) error {
	var records []assembly.Record
	stable := true // in the state, the endpoint stands
	var err error
	if p.prior != nil {
		records, err = p.prior.records()
	} else {
		stable, err = s.clients.MQTTEndpointIsStable(ctx, s.env.MQTTEndpoint)
	}
	if err != nil {
		return err
	}
	outputs, err := tfvalue.Object(pipeline.OutputsOf(p.planned.spec, s.env, records))
	if err != nil {
		return err
	}
	if !stable {
		outputs["mqtt_endpoint"] = tfvalue.Unknown
	}
	if outputs["dead_letter_queue_url"] == nil {
		outputs["dead_letter_queue_url"] = tfvalue.Unknown
	}
	if outputs["queue_url"] == nil && pipeline.HasQueue(p.planned.spec) {
		outputs["queue_url"] = tfvalue.Unknown
	}
	if p.influxDBMoves(records) {
		outputs["influxdb_url"] = tfvalue.Unknown
	}
	if p.planned.spec.API != nil && !made(records, pipeline.KeyAPI) {
		outputs["api_id"], outputs["api_endpoint"] = tfvalue.Unknown, tfvalue.Unknown
	}
	for _, at := range p.planned.unknown {
		_, names := pipeline.Unpredictable(tfvalue.Steps(at))
		for _, name := range names {
			if outer, inner, nested := strings.Cut(name, "."); nested {
				outputs[outer] = with(outputs[outer], inner, tfvalue.Unknown)
			} else {
				outputs[name] = tfvalue.Unknown
			}
		}
	}
	maps.Copy(p.planned.tree, outputs)
	return nil
}

// made reports whether a part exists; one that is gone gets another ID.
func made(records []assembly.Record, key string) bool {
	r, ok := byKey(records)[key]
	return ok && r.ID != "" && r.Status != assembly.Missing
}

// influxDBMoves reports whether an apply may give the InfluxDB instance another address, which only AWS knows.
func (p *planner) influxDBMoves(records []assembly.Record) bool {
	influx := p.planned.spec.InfluxDB
	if influx == nil || influx.Instance == nil {
		return false
	}
	recorded, ok := byKey(records)[pipeline.KeyInfluxDBInstance]
	return !ok || recorded.Status != assembly.Ready || p.prior == nil ||
		!reflect.DeepEqual(p.prior.spec.InfluxDB, influx)
}

// with returns a copy of an object in which one member has another value.
func with(tree any, key string, value any) map[string]any {
	object, _ := tree.(map[string]any)
	changed := make(map[string]any, len(object))
	maps.Copy(changed, object)
	changed[key] = value
	return changed
}

// predictIdentities plans the devices' identities. A device that stays keeps its identity; a new one, or one with
// another certificate, gets it at apply. The ARN of a bundle is known before if it follows from the name.
func (p *planner) predictIdentities(ctx context.Context, s *session) {
	devices, known := p.planned.tree["devices"].(map[string]any)
	if !known && p.planned.tree["devices"] != nil {
		return
	}
	p.adopted = map[string]bool{}
	for _, name := range adoptedIn(ctx, p.private).Names {
		p.adopted[name] = true
	}
	naming, store := pipeline.NamingOf(p.planned.spec, s.env), s.wantedFleet().Store
	stays := p.prior == nil || reflect.DeepEqual(p.prior.tree["credentials"], p.planned.tree["credentials"])
	located := stays && !p.planned.unknown.Covers("credentials.store") && !p.planned.unknown.Covers("credentials.path")
	identities := make(map[string]any, len(devices))
	for name := range devices {
		if contract.GatewayOf(name) != "" {
			identities[name] = map[string]any{"certificate_id": nil, "credentials": nil, "certificate_version": nil}
			continue
		}
		was, _ := member(p.priorTree("identities"), name).(map[string]any)
		if undone(p.looked[name].Found) {
			was = nil
		}
		identity := map[string]any{"certificate_id": tfvalue.Unknown, "credentials": tfvalue.Unknown}
		if arn := credstore.ARN(store, naming.Thing(name), name); located && arn != "" {
			identity["credentials"] = arn
		}
		if was != nil && was["certificate_id"] != "" && was["credentials"] != "" && p.sameSource(name) {
			identity["certificate_id"] = was["certificate_id"] // also while its bundle moves to another store
			if stays {
				identity["credentials"] = was["credentials"]
			}
		}
		p.predictVersion(name, was, identity)
		identities[name] = identity
	}
	p.planned.tree["identities"] = identities
}

// priorTree is an attribute of the state; nil in the plan of a new pipeline.
func (p *planner) priorTree(name string) any {
	if p.prior == nil {
		return nil
	}
	return p.prior.tree[name]
}

// sameSource reports whether a device's certificate comes from the same request or certificate as before.
func (p *planner) sameSource(name string) bool {
	before, now := member(p.prior.tree["devices"], name), member(p.planned.tree["devices"], name)
	return before != nil && member(before, "csr_pem") == member(now, "csr_pem") &&
		member(before, "certificate_pem") == member(now, "certificate_pem")
}

func member(tree any, key string) any {
	members, _ := tree.(map[string]any)
	return members[key]
}

// predictParts plans the parts: recorded parts as they are, repaired if they are not ready, and new parts with kind,
// name and ARN.
func (p *planner) predictParts(ctx context.Context, s *session) error {
	if !predictable(p.planned.unknown) {
		return nil
	}
	recorded, changed := map[string]assembly.Record{}, map[string]bool{}
	if p.prior != nil {
		records, err := p.prior.records()
		if err != nil {
			return err
		}
		recorded = byKey(records)
		changed = changes(ctx, p.connection, p.prior, s, records)
		if len(missedOf(p.looked)) > 0 || creationFailed(records) || touches(p.planned.unknown, "devices") ||
			touches(p.planned.unknown, "credentials") {
			changed[pipeline.KeyFleet] = true
		}
	}
	remade := remade(s.parts, recorded)
	parts := make(map[string]any, len(s.parts))
	for _, part := range s.parts {
		kind := s.engine.Drivers[part.Kind].Kind()
		rec, ok := recorded[part.Key]
		if !ok || rec.Kind != part.Kind || rec.Name != part.Name {
			parts[part.Key] = newPart(part, kind)
			continue
		}
		parts[part.Key] = keptPart(part, kind, rec, changed[part.Key] || remade[part.Key], remade[part.Key])
	}
	p.planned.tree["parts"] = parts
	return nil
}

// remade are the parts that are new or not ready, and those that depend on one of them.
func remade(parts []assembly.Part, recorded map[string]assembly.Record) map[string]bool {
	all := map[string]bool{}
	for _, part := range parts {
		if rec, ok := recorded[part.Key]; !ok || rec.Status != assembly.Ready {
			all[part.Key] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, part := range parts {
			if !all[part.Key] && slices.ContainsFunc(part.Needs, func(need string) bool { return all[need] }) {
				all[part.Key], grown = true, true
			}
		}
	}
	return all
}

// newPart returns what is known of a part before it exists.
func newPart(part assembly.Part, kind assembly.Kind) map[string]any {
	planned := map[string]any{"kind": part.Kind, "name": part.Name, "arn": part.ARN, "status": string(assembly.Ready),
		"needs": list(part.Needs), "id": tfvalue.Unknown}
	if part.ARN == "" {
		planned["arn"] = tfvalue.Unknown
	}
	if kind.Outputs {
		planned["outputs"] = tfvalue.Unknown
	}
	return planned
}

// keptPart returns a recorded part after the apply. A changed part may get other outputs.
func keptPart(part assembly.Part, kind assembly.Kind, rec assembly.Record, touched, remade bool) map[string]any {
	planned := newPart(part, kind)
	found := rec.ID != "" // an import also looks for parts that were never created
	if found && (!remade || !kind.ServerID) && (!touched || !kind.UpdateChangesID) {
		planned["id"], planned["arn"] = rec.ID, rec.ARN
	}
	if !touched {
		planned["outputs"] = outputs(rec)
	}
	return planned
}

func outputs(rec assembly.Record) any {
	if len(rec.Outputs) == 0 {
		return nil
	}
	tree := make(map[string]any, len(rec.Outputs))
	for key, value := range rec.Outputs {
		tree[key] = value
	}
	return tree
}

func list(texts []string) []any {
	tree := make([]any, len(texts))
	for i, text := range texts {
		tree[i] = text
	}
	return tree
}

// changes returns the parts that differ between the recorded description and the new one. If the recorded one can no
// longer be built, every part counts as changed.
func changes(
	ctx context.Context,
	conn *connection.Connection,
	prior *model,
	now *session,
	records []assembly.Record,
) map[string]bool {
	changed := map[string]bool{}
	before, err := newSession(ctx, conn, prior, options{purpose: comparing, roster: now.roster})
	if err != nil {
		for _, part := range now.parts {
			changed[part.Key] = true
		}
		return changed
	}
	for _, key := range pipeline.Changed(before.parts, now.parts, records) {
		changed[key] = true
	}
	if !sameFleet(prior, now.model) {
		changed[pipeline.KeyFleet] = true
		for _, part := range now.parts {
			changed[part.Key] = changed[part.Key] || slices.Contains(pipeline.FollowDevices, part.Key)
		}
	}
	return changed
}
