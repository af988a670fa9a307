package s3bucket

import (
	"context"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Observe reads a bucket with five calls at once. Before it is recorded and for full reads it asks for the tags first,
// and for object ownership, which blocked public access makes harmless.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Bucket], error) {
	var all map[string]string
	var err error
	if !ref.Brief() {
		if all, err = d.tags(ctx, ref.Name); awsapi.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, explain(err)
		}
	}
	r := &reading{client: d.c.S3(), name: ref.Name, account: d.account()}
	r.spec.ForceDestroy, r.spec.Disposable = ForceDestroy(ref.Outputs), disposable(ref.Outputs)
	reads := []func(context.Context) error{r.access, r.encryption, r.versioning, r.policy, r.lifecycle}
	if ref.Full {
		reads = append(reads, r.ownership)
	}
	if ref.Outputs[loggedOutput] == "true" {
		reads = append(reads, r.accessLog)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, read := range reads {
		group.Go(func() error { return read(ctx) })
	}
	if err := group.Wait(); err != nil {
		if awsapi.IsNotFound(err) {
			return nil, nil
		}
		return nil, explain(err)
	}
	slices.Sort(r.spec.Departs)
	o := &assembly.Observed[spec.Bucket]{Identity: d.identity(ref.Name, r.spec), Spec: r.spec}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, ref.Name)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), explain(err))
}

// account returns the account that must own each bucket that is read, nil if it is not known. A bucket of ours can be
// gone, and somebody else can have created one of its name, who would then receive the pipeline's data.
func (d *Driver) account() *string {
	if account := d.c.AccountID(); account != "" {
		return &account
	}
	return nil
}

func (d *Driver) tags(ctx context.Context, name string) (map[string]string, error) {
	out, err := d.c.S3().GetBucketTagging(ctx,
		&s3.GetBucketTaggingInput{Bucket: &name, ExpectedBucketOwner: d.account()})
	if awsapi.Is(err, "NoSuchTagSet") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ownertag.Map(out.TagSet, func(t types.Tag) (*string, *string) { return t.Key, t.Value }), nil
}

// reading collects what concurrent reads find; each writes fields of its own, and mu guards Departs.
type reading struct {
	client  *s3.Client
	name    string
	account *string // see Driver.account
	spec    spec.Bucket
	mu      sync.Mutex
}

func (r *reading) departs(setting string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spec.Departs = append(r.spec.Departs, setting)
}

func (r *reading) access(ctx context.Context) error {
	out, err := r.client.GetPublicAccessBlock(ctx,
		&s3.GetPublicAccessBlockInput{Bucket: &r.name, ExpectedBucketOwner: r.account})
	if awsapi.Is(err, "NoSuchPublicAccessBlockConfiguration") {
		r.departs(accessBlock)
		return nil
	}
	if err != nil {
		return err
	}
	b := out.PublicAccessBlockConfiguration
	if b == nil || !aws.ToBool(b.BlockPublicAcls) || !aws.ToBool(b.IgnorePublicAcls) ||
		!aws.ToBool(b.BlockPublicPolicy) ||
		!aws.ToBool(b.RestrictPublicBuckets) {
		r.departs(accessBlock)
	}
	return nil
}

func (r *reading) encryption(ctx context.Context) error {
	out, err := r.client.GetBucketEncryption(ctx,
		&s3.GetBucketEncryptionInput{Bucket: &r.name, ExpectedBucketOwner: r.account})
	r.spec.KMSKeyID = kmskey.None
	if awsapi.Is(err, "ServerSideEncryptionConfigurationNotFoundError") {
		return nil
	}
	if err != nil {
		return err
	}
	if c := out.ServerSideEncryptionConfiguration; c != nil && len(c.Rules) > 0 &&
		c.Rules[0].ApplyServerSideEncryptionByDefault != nil {
		// SSE-S3 has no key; SSE-KMS without one uses the account's aws/s3.
		byDefault := c.Rules[0].ApplyServerSideEncryptionByDefault
		r.spec.KMSKeyID = aws.ToString(byDefault.KMSMasterKeyID)
		if r.spec.KMSKeyID == "" && byDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
			r.spec.KMSKeyID = "alias/aws/s3"
		}
	}
	return nil
}

func (r *reading) versioning(ctx context.Context) error {
	out, err := r.client.GetBucketVersioning(ctx,
		&s3.GetBucketVersioningInput{Bucket: &r.name, ExpectedBucketOwner: r.account})
	if err == nil && out.Status != types.BucketVersioningStatusEnabled {
		r.departs(versioning)
	}
	return err
}

func (r *reading) ownership(ctx context.Context) error {
	out, err := r.client.GetBucketOwnershipControls(ctx,
		&s3.GetBucketOwnershipControlsInput{Bucket: &r.name, ExpectedBucketOwner: r.account})
	if awsapi.Is(err, "OwnershipControlsNotFoundError") {
		r.departs(ownership)
		return nil
	}
	if err != nil {
		return err
	}
	if c := out.OwnershipControls; c == nil || len(c.Rules) != 1 ||
		c.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
		r.departs(ownership)
	}
	return nil
}

func (r *reading) accessLog(ctx context.Context) error {
	out, err := r.client.GetBucketLogging(ctx,
		&s3.GetBucketLoggingInput{Bucket: &r.name, ExpectedBucketOwner: r.account})
	if err != nil || out.LoggingEnabled == nil {
		return err
	}
	r.spec.LogBucket, r.spec.LogPrefix = aws.ToString(out.LoggingEnabled.TargetBucket),
		aws.ToString(out.LoggingEnabled.TargetPrefix)
	return nil
}

func (r *reading) policy(ctx context.Context) error {
	out, err := r.client.GetBucketPolicy(ctx,
		&s3.GetBucketPolicyInput{Bucket: &r.name, ExpectedBucketOwner: r.account})
	if awsapi.Is(err, "NoSuchBucketPolicy") {
		return nil
	}
	if err != nil {
		return err
	}
	r.spec.Policy = aws.ToString(out.Policy)
	return nil
}

func (r *reading) lifecycle(ctx context.Context) error {
	out, err := r.client.GetBucketLifecycleConfiguration(ctx,
		&s3.GetBucketLifecycleConfigurationInput{Bucket: &r.name, ExpectedBucketOwner: r.account})
	if awsapi.Is(err, "NoSuchLifecycleConfiguration") {
		return nil
	}
	if err != nil {
		return err
	}
	for _, rule := range out.Rules {
		said, exact := fromRule(rule)
		if !exact {
			r.departs(lifecycle)
		}
		r.spec.Lifecycle = append(r.spec.Lifecycle, said)
	}
	return nil
}
