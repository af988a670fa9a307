package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/owned"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// claimWork is one create or update of a claim certificate.
type claimWork struct {
	*run
	c     *Claims
	name  string // the bundle's, by which the part is known
	state *claimState
	had   object.ClaimCertificate
	want  object.ClaimCertificate
	to    object.CredentialsStore // where the bundle is wanted

	bundle ClaimBundle // as it is to be stored next
	stored bool        // there is a bundle of ours at the wanted place, or there may be one
	spec   object.ClaimCertificate
	id     assembly.Identity
}

func (c *Claims) begin(ctx context.Context, ref assembly.Ref, have *assembly.Object[object.ClaimCertificate], want object.ClaimCertificate) (*claimWork, error) {
	state, ok := have.Extra.(*claimState)
	if !ok {
		return nil, fmt.Errorf("this is a bug in the provider: no state of the claim certificate %q", ref.Name)
	}
	if !state.deep && (state.label != nil || state.recorded != "") {
		if err := c.deepen(ctx, state); err != nil {
			return nil, err
		}
	}
	w := &claimWork{
		run: &run{d: c.d, owner: ref.Owner, pool: c.d.pool}, c: c, name: ref.Name, state: state, had: have.Spec, want: want, spec: have.Spec,
		to: placeOf(want.Store, ref.Name), id: have.Identity,
	}
	w.store = c.storeOf(w.to, ref.Owner, want.Tags)
	w.stored = state.label != nil && !state.label.gone && !w.elsewhere()
	if state.bundle != nil {
		w.bundle = *state.bundle
	}
	return w, nil
}

// do makes the changes in the one order that is safe: the bundle is where it is wanted before anything is put into it.
func (w *claimWork) do(ctx context.Context, changes []assembly.Change) error {
	fields := map[string]bool{}
	for _, c := range changes {
		fields[c.Field] = true
	}
	if fields["credentials.store"] || fields["credentials.path"] || fields["credentials.kms_key_id"] || fields["endpoint"] || fields["template"] {
		if err := w.move(ctx); err != nil {
			return err
		}
	}
	if fields["certificate"] || fields["version"] {
		if err := w.renew(ctx); err != nil {
			return err
		}
	}
	if fields["policy"] {
		if err := w.changePolicy(ctx); err != nil {
			return err
		}
	}
	if fields["enabled"] {
		if err := w.setActive(ctx, w.bundle.CertificateID, true); err != nil {
			return err
		}
	}
	if fields["certificate"] || fields["version"] || fields["retired"] {
		if err := w.finish(ctx); err != nil {
			return err
		}
	}
	if fields["tags"] {
		return w.tag(ctx)
	}
	return nil
}

// move writes the bundle where it is wanted and deletes it where it was. Until that is done the record says where it was.
func (w *claimWork) move(ctx context.Context) error {
	if w.state.bundle != nil {
		if w.bundle.CertificateID != "" {
			w.bundle.Endpoint, w.bundle.Template = w.want.Endpoint, w.want.Template
		}
		if err := w.save(ctx); err != nil {
			return err
		}
	}
	if w.state.label != nil && w.elsewhere() {
		if err := w.c.removeBundle(ctx, w.state.store); err != nil {
			return err
		}
	}
	w.spec.Store = w.to
	return nil
}

// elsewhere reports whether the bundle was found, or recorded, at another place than the wanted one.
func (w *claimWork) elsewhere() bool {
	return w.state.store.Kind != w.to.Kind || w.state.store.Path != w.to.Path
}

// save writes the bundle.
func (w *claimWork) save(ctx context.Context) error {
	text, err := json.Marshal(w.bundle)
	if err != nil {
		return fmt.Errorf("encoding the credentials bundle: %w", err)
	}
	var arn string
	err = w.pool.call(ctx, "storing the credentials bundle", func(ctx context.Context) (err error) {
		arn, err = w.store.put(ctx, w.to.Path, string(text), w.stored)
		return err
	})
	var foreign *foreignBundleError
	if errors.As(err, &foreign) {
		return fmt.Errorf("storing the credentials bundle: %w: %w", err, &assembly.ForeignError{Owner: foreign.owner})
	}
	w.stored = w.stored || err == nil || ambiguous(err)
	if err != nil {
		return fmt.Errorf("storing the credentials bundle: %w", err)
	}
	if w.state.label == nil {
		w.state.label = &label{}
	}
	w.state.label.arn = arn
	w.spec.Endpoint, w.spec.Template = w.bundle.Endpoint, w.bundle.Template
	return nil
}

// identity is what there is by now, also after an error.
func (w *claimWork) identity() assembly.Identity {
	if w.id.ID == "" && !w.stored {
		return assembly.Identity{}
	}
	id := assembly.Identity{ID: w.id.ID, ARN: w.id.ARN}
	if w.bundle.CertificateID != "" {
		id.ID, id.ARN = w.bundle.CertificateID, w.bundle.CertificateARN
	}
	id.ID = cmp.Or(id.ID, w.name)
	bundleARN := parameterARN(id.ARN, w.spec.Store.Path)
	if w.spec.Store.Kind == StoreSecrets {
		bundleARN = ""
		if w.state.label != nil {
			bundleARN = w.state.label.arn
		}
	}
	id.Outputs = claimOutputs(w.spec, bundleARN)
	return id
}

// changePolicy attaches the wanted policy before it takes off the one of before, so that devices can register meanwhile. Until
// that one is off it is the recorded one.
func (w *claimWork) changePolicy(ctx context.Context) error {
	arn := w.bundle.CertificateARN
	if err := w.attachPolicy(ctx, arn); err != nil {
		return err
	}
	if w.had.Policy != "" {
		if err := w.detachPolicy(ctx, w.had.Policy, arn); err != nil {
			return err
		}
	}
	w.spec.Policy = w.want.Policy
	return nil
}

func (w *claimWork) attachPolicy(ctx context.Context, arn string) error {
	if w.want.Policy == "" {
		return nil
	}
	return w.pool.call(ctx, "attaching the policy", func(ctx context.Context) error {
		if _, err := w.d.aws.IoT().AttachPolicy(ctx, &iot.AttachPolicyInput{PolicyName: &w.want.Policy, Target: &arn}); err != nil {
			return fmt.Errorf("attaching policy %q to certificate %q: %w", w.want.Policy, arn, err)
		}
		return nil
	})
}

func (w *claimWork) detachPolicy(ctx context.Context, name, arn string) error {
	return w.pool.call(ctx, "detaching the policy", func(ctx context.Context) error {
		_, err := w.d.aws.IoT().DetachPolicy(ctx, &iot.DetachPolicyInput{PolicyName: &name, Target: &arn})
		if err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("detaching policy %q from certificate %q: %w", name, arn, err)
		}
		return nil
	})
}

func (w *claimWork) tag(ctx context.Context) error {
	set, remove := owned.Delta(w.had.Tags, w.want.Tags)
	return w.pool.call(ctx, "tagging the bundle", func(ctx context.Context) error { return w.store.retag(ctx, w.to.Path, set, remove) })
}

// finish removes what other certificates have replaced, and forgets it then.
func (w *claimWork) finish(ctx context.Context) error {
	if w.bundle.Next == nil && len(w.bundle.Retired) == 0 {
		return nil
	}
	if w.bundle.Next != nil { // of a version that is not wanted any more
		if err := w.discard(ctx, w.bundle.Next); err != nil {
			return err
		}
	}
	for _, id := range w.bundle.Retired {
		if id == w.bundle.CertificateID {
			continue
		}
		if err := w.removeCertificate(ctx, id); err != nil {
			return fmt.Errorf("removing the replaced certificate: %w", err)
		}
	}
	w.bundle.Next, w.bundle.Retired = nil, nil
	return w.save(ctx)
}

// removeCertificate deactivates a certificate, takes its policies off and deletes it. Absent is success.
func (w *claimWork) removeCertificate(ctx context.Context, id string) error {
	certificate, err := w.d.certificate(ctx, id)
	if err != nil || certificate == nil {
		return err
	}
	if err := w.setActive(ctx, id, false); err != nil {
		if awsapi.IsNotFound(err) {
			return nil
		}
		return err
	}
	arn := aws.ToString(certificate.CertificateArn)
	names, err := w.c.policies(ctx, arn)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.detachPolicy(ctx, name, arn); err != nil {
			return err
		}
	}
	return w.deleteCertificate(ctx, id)
}
