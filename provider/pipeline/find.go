package pipeline

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/s3bucket"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/provider/tfdiag"
)

// find adds the objects that the last run made but did not record, because a response was lost or the process died. If
// every part is recorded and the manifest matches the state, it sends nothing.
func (s *session) find(ctx context.Context, records []assembly.Record) ([]assembly.Record, error) {
	found, err := s.engine.Find(ctx, s.attempted(ctx, records), records)
	if err != nil {
		return nil, err
	}
	recorded := byKey(records)
	for i, r := range found {
		if _, known := recorded[r.Key]; !known && r.Kind == spec.KindBucket {
			found[i].Outputs = s3bucket.Outputs(s.wantedBucket(r.Key))
		}
	}
	return found, nil
}

// wantedBucket is a bucket as the configuration describes it; an empty one if it no longer does.
func (s *session) wantedBucket(key string) spec.Bucket {
	for _, part := range s.parts {
		if part.Key == key {
			want, _ := part.Want(nil) // a bucket follows from the configuration alone
			bucket, _ := want.(spec.Bucket)
			return bucket
		}
	}
	return spec.Bucket{}
}

// attempted are the parts that the last run was to make. The state lists them, unless that run died before it saved
// one; then the manifest does, because a run writes it first.
func (s *session) attempted(ctx context.Context, records []assembly.Record) []assembly.Part {
	at := slices.IndexFunc(records, func(r assembly.Record) bool { return r.Key == pipeline.KeyManifest })
	if at < 0 || records[at].Status == assembly.Ready || records[at].Status == assembly.Missing ||
		records[at].Status == assembly.Foreign {
		return s.parts
	}
	parts, err := s.manifestParts(ctx)
	if err != nil {
		// Somebody has changed it by hand. The record's status shows that, and the next apply writes it again.
		tflog.Warn(ctx, "the manifest cannot be read, so unrecorded objects are found by the configuration only",
			map[string]any{"error": err.Error()})
		return s.parts
	}
	for _, p := range s.parts {
		if !slices.ContainsFunc(parts, func(other assembly.Part) bool { return other.Key == p.Key }) {
			parts = append(parts, p)
		}
	}
	return parts
}

// manifestParts are the parts that the manifest describes; none if it belongs to another pipeline.
func (s *session) manifestParts(ctx context.Context) ([]assembly.Part, error) {
	text, err := s.clients.ReadParameter(ctx, contract.ManifestName(s.model.spec.Name))
	if err != nil {
		return nil, err
	}
	manifest, err := pipeline.ParseManifest([]byte(text))
	if err != nil || manifest.ID != s.env.Owner {
		return nil, err
	}
	env := s.env
	env.CredentialsStore = manifest.CredentialsStore
	return pipeline.Build(manifest.Spec, env)
}

// warnForeign reads the recorded parts again whose names belonged to other owners' objects at the last read, and warns
// that an apply will be refused. It is not an error, because Terraform also plans before a destroy, which leaves such
// objects alone.
func (p *planner) warnForeign(ctx context.Context, s *session) error {
	if p.prior == nil || !predictable(p.planned.unknown) {
		return nil
	}
	records, err := p.prior.records()
	if err != nil {
		return err
	}
	recorded := byKey(records)
	taken := slices.DeleteFunc(slices.Clone(s.parts), func(part assembly.Part) bool {
		r, ok := recorded[part.Key]
		return !ok || r.Status != assembly.Foreign || r.Name != part.Name || r.Kind != part.Kind
	})
	failed := s.engine.Survey(ctx, taken, records)
	if failed == nil {
		return nil
	}
	var diags diag.Diagnostics
	tfdiag.Failure(&diags, failed,
		tfdiag.Run{Doing: "Planning", Name: p.planned.spec.Name, Next: "An apply will be refused. " + takenNext})
	for _, d := range diags {
		p.warnings.AddWarning(d.Summary(), d.Detail())
	}
	return nil
}
