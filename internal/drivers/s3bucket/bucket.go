// Package s3bucket is the driver of S3 buckets. It must not know what the objects
// in a bucket are.
package s3bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/policyjson"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// forceOutput is the key of Identity.Outputs that tells Delete, "true" or "false", whether it may delete objects:
	// AWS does not keep it.
	forceOutput = "force_destroy"
	// loggedOutput says "true" of a bucket with an access log. Observe reads the setting of these alone, to save the
	// request for all others.
	loggedOutput = "access_log"
	// disposableOutput lists the prefixes of what is no data, separated by spaces.
	disposableOutput = "disposable"

	// Settings that every bucket of a pipeline has; words of object.Bucket.Departs and of changes.
	accessBlock = "public_access_block"
	versioning  = "versioning"
	ownership   = "ownership"
	lifecycle   = "lifecycle"
	accessLog   = "access_log"

	// A new bucket is known everywhere within seconds, the name of a deleted one is free again within minutes.
	spreadLimit = 2 * time.Minute
	nameLimit   = 10 * time.Minute

	// defaultRegion is the one region that has no location constraint and
	// answers success to the creation of a bucket that the account already has.
	defaultRegion = "us-east-1"
)

// Driver reads and writes buckets. Ref.ID is the bucket's name.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Create makes the bucket with its tags and ownership in one call, then writes all other settings.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Bucket) (assembly.Identity, error) {
	if d.c.Region() == defaultRegion {
		switch _, err := d.tags(ctx, ref.Name); {
		case err == nil:
			return ownertag.Resume(ctx, d, ref, want, errors.New("the bucket exists"))
		case !awsapi.IsNotFound(err):
			return assembly.Identity{}, explain(err)
		}
	}
	config := &types.CreateBucketConfiguration{Tags: newTags(ownertag.Tags(ref.Owner, want.Tags))}
	if d.c.Region() != defaultRegion {
		config.LocationConstraint = types.BucketLocationConstraint(d.c.Region())
	}
	err := d.c.Retry(ctx, "waiting for the name to be free", nameLimit, underWay, func(ctx context.Context) error {
		_, err := d.c.S3().CreateBucket(ctx, &s3.CreateBucketInput{
			Bucket:                    &ref.Name,
			ObjectOwnership:           types.ObjectOwnershipBucketOwnerEnforced,
			CreateBucketConfiguration: config,
		})
		return err
	})
	switch {
	case awsapi.Is(err, "BucketAlreadyOwnedByYou"):
		return ownertag.Resume(ctx, d, ref, want, err)
	case awsapi.Is(err, "BucketAlreadyExists"):
		return assembly.Identity{}, fmt.Errorf("the name is taken by another AWS account: %w", err)
	case err != nil:
		return assembly.Identity{}, err
	}
	// Nothing is assumed of a new bucket but its ownership: accounts and S3-compatible services differ in what they set
	// by themselves. Some drop the tags of the create call, so these come first: they say whose the bucket is.
	made := spec.Bucket{KMSKeyID: kmskey.None, Departs: []string{accessBlock, versioning}}
	have := &assembly.Observed[spec.Bucket]{Identity: d.identity(ref.Name, spec.Bucket{}), Owner: ref.Owner, Spec: made}
	changes := append([]assembly.Change{{Field: "tags"}}, d.Diff(made, want)...)
	return d.Update(ctx, ref, have, want, changes)
}

// Update makes one call per change; force_destroy and what is disposable are kept in the identity only.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Bucket],
	want spec.Bucket,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		// S3 takes one change of a bucket at a time, and not everywhere knows a new bucket at once.
		again := func(err error) bool { return underWay(err) || awsapi.Is(err, "NoSuchBucket") }
		err := d.c.Retry(
			ctx,
			"waiting for the bucket to take the change",
			spreadLimit,
			again,
			func(ctx context.Context) error {
				return d.write(ctx, have.ID, ref.Owner, want, c)
			},
		)
		if err != nil {
			return have.Identity, fmt.Errorf("setting %s: %w", c.Field, err)
		}
	}
	return d.identity(have.ID, want), nil
}

func (d *Driver) write(ctx context.Context, name, owner string, want spec.Bucket, c assembly.Change) error {
	var err error
	switch client := d.c.S3(); c.Field {
	case forceOutput, disposableOutput: // AWS does not keep them
	case accessBlock:
		_, err = client.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
			Bucket: &name,
			PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
				BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true),
				RestrictPublicBuckets: aws.Bool(true)},
		})
	case versioning:
		_, err = client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &name,
			VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	case ownership:
		_, err = client.PutBucketOwnershipControls(
			ctx,
			&s3.PutBucketOwnershipControlsInput{Bucket: &name, OwnershipControls: &types.OwnershipControls{
				Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}},
		)
	case "kms_key_id":
		_, err = client.PutBucketEncryption(ctx,
			&s3.PutBucketEncryptionInput{Bucket: &name, ServerSideEncryptionConfiguration: encryption(want.KMSKeyID)})
	case "policy":
		err = d.writePolicy(ctx, name, want.Policy)
	case lifecycle:
		err = d.writeLifecycle(ctx, name, want.Lifecycle)
	case accessLog:
		_, err = client.PutBucketLogging(ctx,
			&s3.PutBucketLoggingInput{Bucket: &name, BucketLoggingStatus: loggingTo(want.LogBucket, want.LogPrefix)})
	case "tags":
		err = d.writeTags(ctx, name, ownertag.Tags(owner, want.Tags))
	default:
		err = ownertag.Unknown(c)
	}
	return err
}

// writeTags replaces the tags, which S3 can only do as a whole: those that others manage are written back.
func (d *Driver) writeTags(ctx context.Context, name string, tags map[string]string) error {
	if d.c.IgnoresTags() {
		all, err := d.tags(ctx, name)
		if err != nil {
			return err
		}
		for key, value := range all {
			if d.c.IgnoresTag(key) {
				tags[key] = value
			}
		}
	}
	_, err := d.c.S3().
		PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &types.Tagging{TagSet: newTags(tags)}})
	return err
}

func (d *Driver) writePolicy(ctx context.Context, name, policy string) (err error) {
	if policy == "" {
		_, err = d.c.S3().DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &name})
	} else {
		_, err = d.c.S3().PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy})
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{Outputs: true} }

// Diff compares; the order of lifecycle rules does not count.
func (d *Driver) Diff(have, want spec.Bucket) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	departs := func(setting string) bool { return slices.Contains(have.Departs, setting) }
	add(accessBlock, departs(accessBlock))
	add("kms_key_id", !kmskey.Same(have.KMSKeyID, want.KMSKeyID))
	add(versioning, departs(versioning))
	add(ownership, departs(ownership))
	add("policy", !policyjson.Equal(have.Policy, want.Policy))
	add(lifecycle, departs(lifecycle) || !sameRules(have.Lifecycle, want.Lifecycle))
	add(accessLog, have.LogBucket != want.LogBucket || have.LogPrefix != want.LogPrefix)
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags))
	add(forceOutput, have.ForceDestroy != want.ForceDestroy)
	add(disposableOutput, !slices.Equal(have.Disposable, want.Disposable))
	return changes
}

func (d *Driver) identity(name string, b spec.Bucket) assembly.Identity {
	return assembly.Identity{ID: name, ARN: fmt.Sprintf("arn:%s:s3:::%s", d.c.Partition(), name), Outputs: Outputs(b)}
}

// loggingTo switches the access log on, or off without a bucket.
func loggingTo(bucket, prefix string) *types.BucketLoggingStatus {
	if bucket == "" {
		return &types.BucketLoggingStatus{}
	}
	return &types.BucketLoggingStatus{
		LoggingEnabled: &types.LoggingEnabled{TargetBucket: &bucket, TargetPrefix: &prefix},
	}
}

// Outputs are the outputs of a bucket: what AWS does not keep, and what Observe has to read.
func Outputs(b spec.Bucket) map[string]string {
	outputs := map[string]string{forceOutput: strconv.FormatBool(b.ForceDestroy)}
	if b.LogBucket != "" {
		outputs[loggedOutput] = "true"
	}
	if len(b.Disposable) > 0 {
		outputs[disposableOutput] = strings.Join(b.Disposable, " ")
	}
	return outputs
}

func disposable(outputs map[string]string) []string {
	prefixes := strings.Fields(outputs[disposableOutput])
	if len(prefixes) == 0 {
		return nil
	}
	return prefixes
}

// ForceDestroy reports whether outputs allow Delete to delete objects.
func ForceDestroy(outputs map[string]string) bool { return outputs[forceOutput] == "true" }

// encryption is SSE-S3 without a key. With one, a key per bucket saves a KMS request per object.
func encryption(key string) *types.ServerSideEncryptionConfiguration {
	rule := types.ServerSideEncryptionRule{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
			SSEAlgorithm: types.ServerSideEncryptionAes256,
		},
	}
	if key != "" {
		rule.BucketKeyEnabled = aws.Bool(true)
		rule.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{
			SSEAlgorithm:   types.ServerSideEncryptionAwsKms,
			KMSMasterKeyID: &key,
		}
	}
	return &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{rule}}
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// underWay recognises S3's answer while another operation on the bucket, or its deletion, is not over.
func underWay(err error) bool { return awsapi.Is(err, "OperationAborted") }

// explain says what S3's bare refusal can mean.
func explain(err error) error {
	if awsapi.Is(err, "AccessDenied", "Forbidden") {
		return fmt.Errorf("the bucket belongs to another AWS account, or the credentials may not read it: %w", err)
	}
	return err
}

// Data implements [assembly.DataHolder]. What Delete removes in any case is no data.
func (d *Driver) Data(ctx context.Context, ref assembly.Ref) (string, error) {
	if ForceDestroy(ref.Outputs) {
		return "", nil
	}
	n, more, err := d.count(ctx, ref.Name, disposable(ref.Outputs))
	switch {
	case err != nil || n == 0:
		return "", err
	case more:
		return fmt.Sprintf("holds more than %d objects and old versions", n), nil
	case n == 1:
		return "holds 1 object or old version", nil
	}
	return fmt.Sprintf("holds %d objects and old versions", n), nil
}
