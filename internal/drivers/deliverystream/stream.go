// Package deliverystream is the driver of Firehose streams that read a Kinesis stream, or get direct puts, and write to
// S3. It must not know what is delivered.
//
// Server-side encryption of the Firehose stream is for direct puts: with a Kinesis stream as its source Firehose stores
// nothing, and what it reads is encrypted by that stream. Objects are encrypted by the bucket's settings.
package deliverystream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// A new role and its policy are known everywhere after seconds, in the worst case minutes.
	roleLimit = 3 * time.Minute
	// Creating and deleting take a minute or two; AWS names no limit.
	changeLimit = 15 * time.Minute
)

// serverSide is the change of how a stream encrypts what it holds.
const serverSide = "server_side_encryption"

// Driver reads and writes Firehose streams. Ref.ID is the stream's name.
type Driver struct{ c *awsapi.Clients }

var _ assembly.Waiter = (*Driver)(nil)

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a stream; its tags only before it is recorded and for full reads. A stream on its way out counts as
// absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.DeliveryStream], error) {
	s, err := d.describe(ctx, ref.Name)
	if err != nil || s == nil || s.DeliveryStreamStatus == types.DeliveryStreamStatusDeleting {
		return nil, err
	}
	o := &assembly.Observed[spec.DeliveryStream]{Identity: d.identity(ref.Name), Spec: specOf(s)}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	all, err := d.tags(ctx, ref.Name)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading its tags: %w", err)
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

func (d *Driver) identity(name string) assembly.Identity {
	return assembly.Identity{ID: name, ARN: d.c.ARN("firehose", "deliverystream/"+name)}
}

// describe gives nil for a stream that does not exist.
func (d *Driver) describe(ctx context.Context, name string) (*types.DeliveryStreamDescription, error) {
	out, err := d.c.Firehose().DescribeDeliveryStream(ctx,
		&firehose.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.DeliveryStreamDescription, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, ref.Name)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

// tags reads all with one call: AWS allows 50 on a stream, and so many a page.
func (d *Driver) tags(ctx context.Context, name string) (map[string]string, error) {
	out, err := d.c.Firehose().ListTagsForDeliveryStream(ctx,
		&firehose.ListTagsForDeliveryStreamInput{DeliveryStreamName: &name, Limit: aws.Int32(50)})
	if err != nil {
		return nil, err
	}
	return ownertag.Map(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

// Create makes the stream with its tags in one call. AWS tries the role at once.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.DeliveryStream) (assembly.Identity, error) {
	in := &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName:                 &ref.Name,
		DeliveryStreamType:                 types.DeliveryStreamTypeDirectPut,
		ExtendedS3DestinationConfiguration: d.destination(want),
		Tags:                               newTags(ownertag.Tags(ref.Owner, want.Tags)),

		DeliveryStreamEncryptionConfigurationInput: encryptionOf(want),
	}
	if want.SourceARN != "" {
		in.DeliveryStreamType = types.DeliveryStreamTypeKinesisStreamAsSource
		in.KinesisStreamSourceConfiguration = &types.KinesisStreamSourceConfiguration{
			KinesisStreamARN: &want.SourceARN, RoleARN: &want.RoleARN}
	}
	err := d.withRole(ctx, func(ctx context.Context) error {
		_, err := d.c.Firehose().CreateDeliveryStream(ctx, in)
		if inUse(err) && d.leaving(ctx, ref.Name) {
			err = d.gone(ctx, ref.Name)
			if err == nil {
				_, err = d.c.Firehose().CreateDeliveryStream(ctx, in)
			}
		}
		return err
	})
	if inUse(err) {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name), nil
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// Update writes the whole destination with one call, the encryption, and the tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.DeliveryStream],
	want spec.DeliveryStream,
	changes []assembly.Change,
) (assembly.Identity, error) {
	isTags := func(c assembly.Change) bool { return c.Field == "tags" }
	isKey := func(c assembly.Change) bool { return c.Field == serverSide }
	if slices.ContainsFunc(changes, func(c assembly.Change) bool { return !isTags(c) && !isKey(c) }) {
		if err := d.redirect(ctx, ref.Name, want); err != nil {
			return have.Identity, err
		}
	}
	if slices.ContainsFunc(changes, isKey) {
		if err := d.encrypt(ctx, ref.Name, want); err != nil {
			return have.Identity, err
		}
	}
	if !slices.ContainsFunc(changes, isTags) {
		return have.Identity, nil
	}
	name := &ref.Name
	return have.Identity, ownertag.Retag(have.Spec.Tags, want.Tags, func(set map[string]string) error {
		_, err := d.c.Firehose().TagDeliveryStream(ctx,
			&firehose.TagDeliveryStreamInput{DeliveryStreamName: name, Tags: newTags(set)})
		return err
	}, func(keys []string) error {
		_, err := d.c.Firehose().UntagDeliveryStream(ctx,
			&firehose.UntagDeliveryStreamInput{DeliveryStreamName: name, TagKeys: keys})
		return err
	})
}

// redirect changes the destination. The stream is read before each attempt: AWS refuses a version that is not the
// latest.
func (d *Driver) redirect(ctx context.Context, name string, want spec.DeliveryStream) error {
	return d.withRole(ctx, func(ctx context.Context) error {
		s, err := d.describe(ctx, name)
		if err != nil {
			return err
		}
		if s == nil || len(s.Destinations) == 0 {
			return errors.New("the stream is gone, or has no destination; the next apply makes it again")
		}
		_, err = d.c.Firehose().UpdateDestination(ctx, &firehose.UpdateDestinationInput{
			DeliveryStreamName:             &name,
			CurrentDeliveryStreamVersionId: s.VersionId,
			DestinationId:                  s.Destinations[0].DestinationId,
			ExtendedS3DestinationUpdate:    d.destinationUpdate(want),
		})
		return err
	})
}

// encrypt sets the key, also of a stream that is encrypted already. AWS does it in the background; Wait waits for it.
func (d *Driver) encrypt(ctx context.Context, name string, want spec.DeliveryStream) error {
	return d.withRole(ctx, func(ctx context.Context) error {
		_, err := d.c.Firehose().StartDeliveryStreamEncryption(ctx, &firehose.StartDeliveryStreamEncryptionInput{
			DeliveryStreamName: &name, DeliveryStreamEncryptionConfigurationInput: encryptionOf(want)})
		return err
	})
}

// withRole repeats what fails because AWS does not know a new role or policy yet, because the stream is still being
// changed, or because somebody else has changed it.
func (d *Driver) withRole(ctx context.Context, call func(context.Context) error) error {
	return d.c.Retry(ctx, "waiting until Firehose can use its role", roleLimit, func(err error) bool {
		return awsapi.Is(err, "ConcurrentModificationException") ||
			inUse(err) && awsapi.MessageHas(err, "is being", "not ACTIVE", "not in ACTIVE") ||
			awsapi.Is(err, "InvalidArgumentException") && awsapi.MessageHas(err, "Firehose is unable to assume role",
				"is not authorized to", "Access was denied")
	}, call)
}

func inUse(err error) bool { return awsapi.Is(err, "ResourceInUseException") }

// Wait returns when the stream delivers.
func (d *Driver) Wait(ctx context.Context, ref assembly.Ref) error {
	what := "waiting for the Firehose stream to be active"
	return d.c.Poll(ctx, what, changeLimit, func(ctx context.Context) (bool, error) {
		s, err := d.describe(ctx, ref.Name)
		if err != nil {
			return false, err
		}
		if s == nil {
			return false, fmt.Errorf("%s: it is gone", what)
		}
		if s.DeliveryStreamStatus == types.DeliveryStreamStatusCreatingFailed {
			return false, fmt.Errorf("AWS could not create the Firehose stream: %s; the next apply replaces it",
				reason(s.FailureDescription))
		}
		enabling := false
		if e := s.DeliveryStreamEncryptionConfiguration; e != nil {
			if e.Status == types.DeliveryStreamEncryptionStatusEnablingFailed {
				return false, fmt.Errorf("AWS could not encrypt the Firehose stream: %s; the next apply tries again",
					reason(e.FailureDescription))
			}
			enabling = e.Status == types.DeliveryStreamEncryptionStatusEnabling
		}
		return s.DeliveryStreamStatus == types.DeliveryStreamStatusActive && !enabling, nil
	})
}

func reason(f *types.FailureDescription) string {
	if f == nil {
		return "it gives no reason"
	}
	return string(f.Type) + ": " + aws.ToString(f.Details)
}

// Delete removes the stream and returns when its name is free again. What it has read and not delivered is lost; the
// source keeps it for as long as it keeps everything.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.c.Retry(ctx, "waiting for an earlier change of the Firehose stream", changeLimit,
		func(err error) bool { return inUse(err) && !d.leaving(ctx, ref.Name) },
		func(ctx context.Context) error {
			_, err := d.c.Firehose().DeleteDeliveryStream(ctx,
				&firehose.DeleteDeliveryStreamInput{DeliveryStreamName: &ref.Name, AllowForceDelete: aws.Bool(true)})
			return err
		})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil && !inUse(err) {
		return err
	}
	return d.gone(ctx, ref.Name)
}

// leaving reports whether the stream that holds the name is being deleted, or gone by now.
func (d *Driver) leaving(ctx context.Context, name string) bool {
	s, err := d.describe(ctx, name)
	return err == nil && (s == nil || s.DeliveryStreamStatus == types.DeliveryStreamStatusDeleting)
}

func (d *Driver) gone(ctx context.Context, name string) error {
	what := "waiting for the Firehose stream to be gone"
	return d.c.Poll(ctx, what, changeLimit, func(ctx context.Context) (bool, error) {
		s, err := d.describe(ctx, name)
		if err == nil && s != nil && s.DeliveryStreamStatus == types.DeliveryStreamStatusDeletingFailed {
			return false, fmt.Errorf("AWS could not delete the Firehose stream: %s; apply or destroy again to retry",
				reason(s.FailureDescription))
		}
		return err == nil && s == nil, err
	})
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares. AWS cannot change a stream's source, the role that reads it, or take back some additions to the
// destination. With direct puts the role is the destination's.
func (*Driver) Diff(have, want spec.DeliveryStream) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs, replace bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field, Replace: replace})
		}
	}
	add("status", have.Failed, true)
	add("source", have.SourceARN != want.SourceARN, true)
	add("role", have.RoleARN != want.RoleARN, want.SourceARN != "")
	add(serverSide, want.Encrypted && (!have.Encrypted || have.KMSKeyARN != want.KMSKeyARN), false)
	add("bucket", have.BucketARN != want.BucketARN, false)
	add("prefix", have.Prefix != want.Prefix || have.ErrorPrefix != want.ErrorPrefix ||
		have.Extension != want.Extension, false)
	add("buffer", have.BufferSeconds != want.BufferSeconds || have.BufferMB != want.BufferMB, false)
	add("format", have.Gzip != want.Gzip || !sameSchema(have.Parquet, want.Parquet), false)
	add("function", have.FunctionARN != want.FunctionARN || have.FunctionBuffer != want.FunctionBuffer, false)
	add("logging", have.LogGroup != want.LogGroup || have.LogStream != want.LogStream, false)
	for _, member := range have.Departs {
		add(member, true, slices.Contains(irrevocable, member))
	}
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags), false)
	return changes
}

func sameSchema(a, b *spec.ParquetSchema) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
