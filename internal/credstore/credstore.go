// Package credstore keeps credentials bundles in Parameter Store, in Secrets
// Manager or in a bucket. A bundle carries the owner token; one that carries
// another is neither read nor changed. It must not know what is in a bundle.
package credstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Kinds of stores, in spec.CredentialsStore.Kind. No kind means Parameter Store, the default of the schema.
const (
	ParameterStore = contract.ParameterStore
	SecretsManager = contract.SecretsManager
	Bucket         = contract.CredentialsInBucket
)

// Batch is how many bundles one request reads or deletes [AWS GetParameters, DeleteParameters].
const Batch = 10

// Largest pages of the lists of bundles [AWS DescribeParameters, ListSecrets].
const (
	ParametersPage = 50
	SecretsPage    = 100
)

// Label is what is known of a bundle without reading it.
type Label struct {
	ARN  string // empty where the ARN follows from the name, see ARN
	Tags map[string]string
	// Deleted means that its deletion is scheduled: it cannot be read any more and its name is still in use.
	Deleted bool
}

// Owner is the owner token that the bundle carries.
func (l *Label) Owner() string { return l.Tags[spec.OwnerTag] }

// backend is a service that keeps bundles.
type backend interface {
	put(ctx context.Context, thing, text string, replace bool) (arn string, err error)
	remove(ctx context.Context, things []string) error
	read(ctx context.Context, things []string) (map[string]string, error)
	list(ctx context.Context) (map[string]string, error)
	retag(ctx context.Context, thing string, set map[string]string, remove []string) error
	inspect(ctx context.Context, thing string) (*Label, error)
}

// Store is one place in a service that keeps bundles.
type Store struct {
	place
	backend backend
}

// place is where a store keeps bundles, and what it writes on them.
type place struct {
	spec.CredentialsStore
	owner string
	tags  map[string]string // with the owner token
	pool  *bulk.Pool
	// single means that the path is the name of the only bundle, whatever name it is asked for.
	single bool
}

// Open returns the store of the devices' bundles, each below the store's path.
func Open(c *awsapi.Clients, pool *bulk.Pool, s spec.CredentialsStore, owner string, tags map[string]string) *Store {
	return open(c, place{CredentialsStore: s, owner: owner, tags: ownertag.Tags(owner, tags), pool: pool})
}

// OpenSingle returns the store of one bundle, whose name is the store's path.
func OpenSingle(
	c *awsapi.Clients, pool *bulk.Pool, s spec.CredentialsStore, owner string, tags map[string]string,
) *Store {
	return open(c, place{CredentialsStore: s, owner: owner, tags: ownertag.Tags(owner, tags), pool: pool, single: true})
}

func open(c *awsapi.Clients, p place) *Store {
	switch p.Kind {
	case SecretsManager:
		return &Store{place: p, backend: &secrets{place: p, c: c}}
	case Bucket:
		return &Store{place: p, backend: &objects{place: p, c: c}}
	}
	return &Store{place: p, backend: &parameters{place: p, c: c}}
}

// Put writes a bundle, with tags if it is new. replace says that the bundle exists and is ours; without it, one that
// exists must carry the owner token. It returns the ARN, or "" where the ARN follows from the name.
func (s *Store) Put(ctx context.Context, thing, text string, replace bool) (string, error) {
	return bulk.Ask(ctx, s.pool, "storing the credentials bundle", func(ctx context.Context) (string, error) {
		return s.backend.put(ctx, thing, text, replace)
	})
}

// Most bundles that are removed from a bucket together, and the share of a removal that this many are: batches overlap,
// so a small removal has small ones.
const (
	bucketBatch = 100
	batchShare  = 20
)

// RemovalBatch returns how many bundles are best removed together when n are to go: at least Batch.
func (s *Store) RemovalBatch(n int) int {
	if s.Kind != Bucket {
		return Batch
	}
	return min(max(n/batchShare, Batch), bucketBatch)
}

// Remove deletes up to RemovalBatch bundles. Absent is success.
func (s *Store) Remove(ctx context.Context, things []string) error {
	if len(things) == 0 {
		return nil
	}
	return s.pool.Call(ctx, fmt.Sprintf("deleting credentials bundles at %q", s.Path), func(ctx context.Context) error {
		return s.backend.remove(ctx, things)
	})
}

// Read returns up to Batch bundles by thing, without those that do not exist. Part of the answer may come beside an
// error.
func (s *Store) Read(ctx context.Context, things []string) (map[string]string, error) {
	return bulk.Ask(ctx, s.pool, fmt.Sprintf("reading credentials bundles at %q", s.Path),
		func(ctx context.Context) (map[string]string, error) { return s.backend.read(ctx, things) })
}

// List returns the ARNs of all bundles of the owner by thing; an ARN is "" where it follows from the name.
func (s *Store) List(ctx context.Context) (map[string]string, error) { return s.backend.list(ctx) }

// Retag sets tags of a bundle and removes others.
func (s *Store) Retag(ctx context.Context, thing string, set map[string]string, remove []string) error {
	return s.pool.Call(ctx, "tagging the credentials bundle", func(ctx context.Context) error {
		return s.backend.retag(ctx, thing, set, remove)
	})
}

// Inspect returns the label of a bundle, or nil if there is none.
func (s *Store) Inspect(ctx context.Context, thing string) (*Label, error) {
	return bulk.Ask(ctx, s.pool, fmt.Sprintf("looking for the credentials bundle %q", s.name(thing)),
		func(ctx context.Context) (*Label, error) { return s.backend.inspect(ctx, thing) })
}

func (p place) name(thing string) string {
	if p.single {
		return p.Path
	}
	return p.Path + "/" + thing
}

func (p place) names(things []string) []string {
	names := make([]string, len(things))
	for i, thing := range things {
		names[i] = p.name(thing)
	}
	return names
}

// thing returns the thing whose bundle has a name; false for a name that is not directly below the path.
func (p place) thing(name string) (string, bool) {
	if p.single {
		return name, name == p.Path
	}
	thing, ok := strings.CutPrefix(name, p.Path+"/")
	return thing, ok && thing != "" && !strings.Contains(thing, "/")
}

// refuseForeign returns an error that wraps an *assembly.ForeignError unless the bundle is ours.
func (p place) refuseForeign(kind, thing string, l *Label, err error) error {
	if err != nil || l == nil || l.Owner() == p.owner {
		return err
	}
	return fmt.Errorf("a %s %q exists and does not belong to this pipeline: %w", kind, p.name(thing),
		&assembly.ForeignError{Owner: l.Owner()})
}

// ARN returns the ARN of a thing's bundle where it follows from its name, which it does not in Secrets Manager.
func ARN(s spec.CredentialsStore, thingARN, thing string) string {
	account, _, ok := strings.Cut(thingARN, ":thing/")
	if !ok || s.Kind == SecretsManager || s.Path == "" {
		return ""
	}
	if s.Kind == Bucket {
		partition := strings.Split(account, ":")[1]
		return "arn:" + partition + ":s3:::" + s.Bucket + "/" + objectKey(s.Path+"/"+thing)
	}
	return parameterARN(account, s.Path+"/"+thing)
}

// SingleARN is ARN for a store of one bundle, from the ARN of a certificate.
func SingleARN(s spec.CredentialsStore, certificateARN string) string {
	account, _, ok := strings.Cut(certificateARN, ":cert/")
	if !ok || s.Kind == SecretsManager || s.Path == "" {
		return ""
	}
	return parameterARN(account, s.Path)
}

func parameterARN(account, name string) string {
	return strings.Replace(account, ":iot:", ":ssm:", 1) + ":parameter/" + strings.TrimPrefix(name, "/")
}
