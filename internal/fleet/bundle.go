package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// Bundle is everything a device needs to connect, as it stands in the credentials store.
type Bundle struct {
	Thing          string `json:"thing"`
	CertificatePEM string `json:"certificate_pem"`
	// PrivateKey is PKCS #8 in PEM; empty when the device brought its own request or certificate.
	PrivateKey     string `json:"private_key,omitempty"`
	CSRPEM         string `json:"csr_pem,omitempty"`
	CertificateID  string `json:"certificate_id"`
	CertificateARN string `json:"certificate_arn"`
	Endpoint       string `json:"endpoint"`
	Topics         Topics `json:"topics"`
}

// Topics are the topics of one device.
type Topics struct {
	Telemetry string `json:"telemetry"`
	Status    string `json:"status"`
	Commands  string `json:"commands"`
}

// Format keeps the private key out of anything printed.
func (b Bundle) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "credentials of %q", b.Thing) }

func topicsOf(prefix, thing string) Topics {
	base := prefix + "/" + thing + "/"
	return Topics{Telemetry: base + "telemetry", Status: base + "status", Commands: base + "commands"}
}

// store is where bundles are kept; the implementations are Parameter Store and Secrets Manager.
type store interface {
	// put writes a bundle, with tags when it is new. replace says that the bundle is there already and ours; otherwise
	// one that is there must carry the owner token. It gives the ARN, or "" where BundleARN knows it.
	put(ctx context.Context, thing, text string, replace bool) (arn string, err error)
	// remove deletes up to batch bundles; absent is success.
	remove(ctx context.Context, things []string) error
	// read gives the bundles of up to batch things, without those that do not exist.
	read(ctx context.Context, things []string) (map[string]string, error)
	// list gives the ARNs of all bundles of this owner, by thing; an ARN may be "" where BundleARN knows it.
	list(ctx context.Context) (map[string]string, error)
	// retag sets the given tags and removes others.
	retag(ctx context.Context, thing string, set map[string]string, remove []string) error
	// inspect gives what there is to know of a bundle without reading it, or nil when there is none.
	inspect(ctx context.Context, thing string) (*label, error)
}

// label is what a bundle says of itself from outside.
type label struct {
	arn  string // "" where BundleARN knows it
	tags map[string]string
	gone bool // its deletion is scheduled, and it cannot be read any more
}

// Kinds of credentials stores, in object.CredentialsStore.Kind.
const (
	StoreSSM     = "ssm"
	StoreSecrets = "secretsmanager"
)

// newStore gives the store that s describes. Without a kind it is Parameter Store, the default of the schema.
func (d *Driver) newStore(owner string, s object.CredentialsStore, tags map[string]string) store {
	all := make(map[string]string, len(tags)+1)
	maps.Copy(all, tags)
	all[object.OwnerTag] = owner
	return d.storeAt(place{CredentialsStore: s, owner: owner, tags: all, pool: d.pool})
}

func (d *Driver) storeAt(p place) store {
	if p.Kind == StoreSecrets {
		return &secretStore{place: p, client: d.aws.SecretsManager()}
	}
	return &parameterStore{place: p, client: d.aws.SSM()}
}

// place is what both kinds of store are made of.
type place struct {
	object.CredentialsStore
	owner string
	tags  map[string]string // with the owner token
	pool  *pool
	// single says that the path is the name of the one bundle that is kept, under whatever name it is asked for.
	single bool
}

func (p place) name(thing string) string {
	if p.single {
		return p.Path
	}
	return p.Path + "/" + thing
}

// thing gives the thing whose bundle has a name; false for a name that is not directly below the path.
func (p place) thing(name string) (string, bool) {
	if p.single {
		return name, name == p.Path
	}
	thing, ok := strings.CutPrefix(name, p.Path+"/")
	return thing, ok && thing != "" && !strings.Contains(thing, "/")
}

// refuse gives the error about a bundle that is not ours.
func (p place) refuse(kind, thing string, l *label) error {
	if l == nil || l.tags[object.OwnerTag] == p.owner {
		return nil
	}
	return &foreignBundleError{kind: kind, name: p.name(thing), owner: l.tags[object.OwnerTag]}
}

// foreignBundleError says that the name of a bundle is taken by somebody else.
type foreignBundleError struct{ kind, name, owner string }

func (e *foreignBundleError) Error() string {
	return fmt.Sprintf("a %s %q exists and is not of this pipeline", e.kind, e.name)
}

// BundleARN gives the ARN of a bundle where it follows from its name, which it does not in Secrets Manager.
func BundleARN(s object.CredentialsStore, thingARN, thing string) string {
	account, _, ok := strings.Cut(thingARN, ":thing/")
	if !ok || s.Kind == StoreSecrets || s.Path == "" {
		return ""
	}
	return strings.Replace(account, ":iot:", ":ssm:", 1) + ":parameter/" + strings.TrimPrefix(s.Path, "/") + "/" + thing
}

// putBundle stores the bundle of a device.
func (r *run) putBundle(ctx context.Context, name string, c *certificate) error {
	text, err := json.Marshal(Bundle{
		Thing: name, CertificatePEM: c.pem, PrivateKey: c.key, CSRPEM: r.want.Devices[name].CSRPEM,
		CertificateID: c.id, CertificateARN: c.arn, Endpoint: r.want.Endpoint, Topics: topicsOf(r.want.TopicPrefix, name),
	})
	if err != nil {
		return fmt.Errorf("encoding the credentials bundle: %w", err)
	}
	var arn string
	err = r.pool.call(ctx, "storing the credentials bundle", func(ctx context.Context) (err error) {
		arn, err = r.store.put(ctx, name, string(text), false)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing the credentials bundle: %w", err)
	}
	r.d.noteBundle(name, r.want.Store, arn)
	return nil
}

func (d *Driver) noteBundle(name string, s object.CredentialsStore, arn string) {
	d.note(name, func(id *object.DeviceIdentity) {
		id.Credentials = arn
		if arn == "" {
			id.Credentials = BundleARN(s, id.ThingARN, name)
		}
	})
}

// moveBundles rewrites every bundle when the store, the endpoint or the topics have changed, and only the tags when only
// those have. Bundles that are not there are left to the deep check. It reports whether the bundles are where want says.
func (d *Driver) moveBundles(ctx context.Context, owner string, have, want object.Fleet) (bool, error) {
	changed := bundleChanges(have, want)
	if len(changed) == 0 {
		return false, nil
	}
	var names []string
	for name, device := range have.Devices {
		if device.Found.CertificateID != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	p := d.pool
	from, to := d.newStore(owner, have.Store, want.Tags), d.newStore(owner, want.Store, want.Tags)
	elsewhere := have.Store.Kind != want.Store.Kind || have.Store.Path != want.Store.Path
	if len(changed) == 1 && changed[0] == "tags" {
		removed := slices.Collect(maps.Keys(have.Tags))
		removed = slices.DeleteFunc(removed, func(key string) bool { _, kept := want.Tags[key]; return kept })
		slices.Sort(removed)
		return false, p.each(ctx, "bundles tagged", names, func(ctx context.Context, name string) error {
			return p.call(ctx, "tagging a bundle", func(ctx context.Context) error { return to.retag(ctx, name, want.Tags, removed) })
		})
	}
	return true, eachBatch(ctx, p, "bundles rewritten", names, func(ctx context.Context, names []string) error {
		return d.moveBatch(ctx, from, to, names, want, elsewhere)
	})
}

// moveBatch rewrites a few bundles: written at the new place first, deleted at the old one last.
func (d *Driver) moveBatch(ctx context.Context, from, to store, names []string, want object.Fleet, elsewhere bool) error {
	texts, err := d.readBatch(ctx, from, names)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		var b Bundle
		if err := json.Unmarshal([]byte(texts[name]), &b); err != nil {
			return &DeviceError{Device: name, Err: errors.New("rewriting its credentials bundle: the bundle is not JSON any more")}
		}
		b.Endpoint, b.Topics = want.Endpoint, topicsOf(want.TopicPrefix, name)
		text, err := json.Marshal(b)
		if err != nil {
			return &DeviceError{Device: name, Err: fmt.Errorf("encoding its credentials bundle: %w", err)}
		}
		var arn string
		err = d.pool.call(ctx, "rewriting a bundle", func(ctx context.Context) (err error) {
			arn, err = to.put(ctx, name, string(text), !elsewhere)
			return err
		})
		if err != nil {
			return &DeviceError{Device: name, Err: fmt.Errorf("rewriting its credentials bundle: %w", err)}
		}
		d.noteBundle(name, want.Store, arn)
	}
	if !elsewhere {
		return nil
	}
	return d.pool.call(ctx, "deleting moved bundles", func(ctx context.Context) error { return from.remove(ctx, names) })
}

func (d *Driver) readBatch(ctx context.Context, from store, names []string) (texts map[string]string, err error) {
	err = d.pool.call(ctx, "reading bundles", func(ctx context.Context) (err error) {
		texts, err = from.read(ctx, names)
		return err
	})
	return texts, err
}

// eachBatch is each over batches of names.
func eachBatch(ctx context.Context, p *pool, what string, names []string, do func(context.Context, []string) error) error {
	var firsts []string
	batches := map[string][]string{}
	for group := range slices.Chunk(names, batch) {
		firsts = append(firsts, group[0])
		batches[group[0]] = group
	}
	return p.each(ctx, what, firsts, func(ctx context.Context, first string) error { return do(ctx, batches[first]) })
}

// readBundles takes the requests and certificates of devices that brought their own out of the bundles.
func (d *Driver) readBundles(ctx context.Context, have object.Fleet) error {
	var names []string
	for name, device := range have.Devices {
		if s := device.Found.CertificateSource; s != "" && s != sourceGenerated {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	from := d.newStore("", have.Store, nil)
	var mu sync.Mutex
	return eachBatch(ctx, d.pool, "bundles read", names, func(ctx context.Context, names []string) error {
		texts, err := d.readBatch(ctx, from, names)
		mu.Lock()
		defer mu.Unlock()
		for name, text := range texts {
			var b Bundle
			if json.Unmarshal([]byte(text), &b) != nil {
				continue // not known then, as when there is no bundle
			}
			device := have.Devices[name]
			if strings.HasPrefix(device.Found.CertificateSource, sourceOwn) {
				device.CertificatePEM = b.CertificatePEM
			} else {
				device.CSRPEM = b.CSRPEM
			}
			have.Devices[name] = device
		}
		return err
	})
}

// checkBundles notes the devices whose bundle is gone.
func (d *Driver) checkBundles(ctx context.Context, owner string, have object.Fleet) error {
	present, err := d.newStore(owner, have.Store, nil).list(ctx)
	if err != nil {
		return err
	}
	for name, device := range have.Devices {
		if _, ok := present[name]; !ok && device.Found.CertificateID != "" {
			device.Found.Lost = append(device.Found.Lost, LostCredentials)
		}
	}
	return nil
}

// findSecretARNs lists the secrets when the ARN of one that should exist is not known, as on import.
func (d *Driver) findSecretARNs(ctx context.Context, owner string, have object.Fleet) error {
	if have.Store.Kind != StoreSecrets || d.opts.NoIdentities {
		return nil
	}
	missing := false
	for name, device := range have.Devices {
		missing = missing || device.Found.CertificateID != "" && d.identity(name).Credentials == ""
	}
	if !missing {
		return nil
	}
	arns, err := d.newStore(owner, have.Store, nil).list(ctx)
	for name, arn := range arns {
		if _, ok := have.Devices[name]; ok {
			d.noteBundle(name, have.Store, arn)
		}
	}
	return err
}

// removeLeftovers deletes bundles with our token whose thing is gone.
func (r *run) removeLeftovers(ctx context.Context) error {
	if r.want.Store.Path == "" {
		return nil
	}
	left, err := r.store.list(ctx)
	if err != nil {
		return err
	}
	return eachBatch(ctx, r.pool, "leftover bundles deleted", slices.Sorted(maps.Keys(left)), r.store.remove)
}
