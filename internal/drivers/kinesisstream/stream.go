// Package kinesisstream is the driver of Kinesis data streams. It must not know what
// travels on them.
package kinesisstream

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	managedKey = "alias/aws/kinesis"
	// A stream is made with 24 hours of retention and without encryption; CreateStream takes neither.
	initialRetention = 24
	// A change of shards takes minutes, everything else seconds.
	changeLimit = 15 * time.Minute
)

// Driver reads and writes streams. Ref.ID is the stream's name.
type Driver struct{ c *awsapi.Clients }

var _ assembly.Waiter = (*Driver)(nil)

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a stream; its tags only before it is recorded and for full reads. A stream on its way out counts as
// absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Stream], error) {
	s, err := d.describe(ctx, ref.Name)
	if err != nil || s == nil || s.StreamStatus == types.StreamStatusDeleting {
		return nil, err
	}
	o := &assembly.Observed[spec.Stream]{
		Identity: assembly.Identity{ID: aws.ToString(s.StreamName), ARN: aws.ToString(s.StreamARN)},
		Spec: spec.Stream{
			OnDemand:       s.StreamModeDetails != nil && s.StreamModeDetails.StreamMode == types.StreamModeOnDemand,
			Shards:         aws.ToInt32(s.OpenShardCount),
			RetentionHours: aws.ToInt32(s.RetentionPeriodHours),
			KMSKeyID:       kmskey.None,
		},
	}
	if s.EncryptionType == types.EncryptionTypeKms {
		if o.Spec.KMSKeyID = aws.ToString(s.KeyId); o.Spec.KMSKeyID == managedKey {
			o.Spec.KMSKeyID = ""
		}
	}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	all, err := d.tags(ctx, ref.Name)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

// describe gives nil for a stream that does not exist.
func (d *Driver) describe(ctx context.Context, name string) (*types.StreamDescriptionSummary, error) {
	out, err := d.c.Kinesis().DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.StreamDescriptionSummary, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, ref.Name)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

func (d *Driver) tags(ctx context.Context, name string) (map[string]string, error) {
	all := map[string]string{}
	in := &kinesis.ListTagsForStreamInput{StreamName: &name}
	for {
		out, err := d.c.Kinesis().ListTagsForStream(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, tag := range out.Tags {
			all[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		if !aws.ToBool(out.HasMoreTags) || len(out.Tags) == 0 {
			return all, nil
		}
		in.ExclusiveStartTagKey = out.Tags[len(out.Tags)-1].Key
	}
}

// Create makes the stream and, when it is active, sets what CreateStream cannot: retention and encryption.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Stream) (assembly.Identity, error) {
	in := &kinesis.CreateStreamInput{
		StreamName:        &ref.Name,
		StreamModeDetails: mode(want.OnDemand),
		Tags:              ownertag.Tags(ref.Owner, want.Tags),
	}
	if !want.OnDemand {
		in.ShardCount = &want.Shards
	}
	again := func(err error) bool {
		return tooManyStreamChanges(err) || inUse(err) && d.leaving(ctx, ref.Name)
	}
	err := d.c.Retry(
		ctx,
		"waiting for other streams to be created, or the name to be free",
		changeLimit,
		again,
		func(ctx context.Context) error {
			_, err := d.c.Kinesis().CreateStream(ctx, in)
			return err
		},
	)
	if inUse(err) {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	id := assembly.Identity{ID: ref.Name, ARN: d.arn(ref.Name)}
	ref.ID = id.ID
	if err := d.Wait(ctx, ref); err != nil {
		return id, err
	}
	made := want
	made.RetentionHours, made.KMSKeyID = initialRetention, kmskey.None
	have := &assembly.Observed[spec.Stream]{Identity: id, Owner: ref.Owner, Spec: made}
	return d.Update(ctx, ref, have, want, d.Diff(made, want))
}

// Update makes one call per change; a change of shards may take several, since
// one call can at most double or halve them.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Stream],
	want spec.Stream,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		if err := d.change(ctx, ref, have, want, c); err != nil {
			return have.Identity, fmt.Errorf("changing %s: %w", c.Field, err)
		}
	}
	return have.Identity, nil
}

func (d *Driver) change(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Stream],
	want spec.Stream,
	c assembly.Change,
) error {
	k, name := d.c.Kinesis(), &ref.Name
	switch c.Field {
	case "mode":
		return d.write(ctx, func(ctx context.Context) error {
			_, err := k.UpdateStreamMode(ctx,
				&kinesis.UpdateStreamModeInput{StreamARN: &have.ARN, StreamModeDetails: mode(want.OnDemand)})
			return err
		})
	case "shards":
		return d.reshard(ctx, ref.Name, have.Spec.Shards, want.Shards)
	case "retention_hours":
		return d.write(ctx, func(ctx context.Context) (err error) {
			if want.RetentionHours > have.Spec.RetentionHours {
				_, err = k.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{
					StreamName:           name,
					RetentionPeriodHours: &want.RetentionHours,
				})
			} else {
				_, err = k.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{
					StreamName:           name,
					RetentionPeriodHours: &want.RetentionHours,
				})
			}
			return err
		})
	case "kms_key_id":
		key := want.KMSKeyID
		if key == "" {
			key = managedKey
		}
		return d.write(ctx, func(ctx context.Context) error {
			_, err := k.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{
				StreamName:     name,
				EncryptionType: types.EncryptionTypeKms,
				KeyId:          &key,
			})
			return err
		})
	case "tags":
		return ownertag.Retag(have.Spec.Tags, want.Tags, func(set map[string]string) error {
			_, err := k.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: name, Tags: set})
			return err
		}, func(keys []string) error {
			_, err := k.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: name, TagKeys: keys})
			return err
		})
	}
	return ownertag.Unknown(c)
}

// reshard goes to the wanted count in steps that one UpdateShardCount allows: at most twice, at least half.
func (d *Driver) reshard(ctx context.Context, name string, from, to int32) error {
	for from != to {
		step := min(max(to, (from+1)/2), from*2)
		err := d.write(ctx, func(ctx context.Context) error {
			_, err := d.c.Kinesis().UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{
				StreamName: &name, TargetShardCount: &step, ScalingType: types.ScalingTypeUniformScaling})
			return err
		})
		if err != nil {
			return fmt.Errorf("from %d to %d: %w", from, step, err)
		}
		from = step
	}
	return nil
}

// write repeats a change until the stream is ACTIVE; while an earlier one is under way AWS answers
// ResourceInUseException.
func (d *Driver) write(ctx context.Context, call func(context.Context) error) error {
	again := func(err error) bool { return tooManyStreamChanges(err) || inUse(err) }
	return d.c.Retry(ctx, "waiting for an earlier change of the stream", changeLimit, again, call)
}

// Wait returns when the stream can be read and written: reads and writes work while it is UPDATING [AWS 5].
func (d *Driver) Wait(ctx context.Context, ref assembly.Ref) error {
	return d.c.Poll(ctx, "waiting for the stream to be active", changeLimit, func(ctx context.Context) (bool, error) {
		s, err := d.describe(ctx, ref.Name)
		if err != nil || s == nil {
			return false, err
		}
		return s.StreamStatus == types.StreamStatusActive || s.StreamStatus == types.StreamStatusUpdating, nil
	})
}

// Delete removes the stream with its consumers and returns when its name is free again.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.write(ctx, func(ctx context.Context) error {
		_, err := d.c.Kinesis().
			DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &ref.Name,
				EnforceConsumerDeletion: aws.Bool(true)})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.c.Poll(ctx, "waiting for the stream to be gone", changeLimit, func(ctx context.Context) (bool, error) {
		s, err := d.describe(ctx, ref.Name)
		return err == nil && s == nil, err
	})
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares; the number of shards counts only for a provisioned stream.
func (d *Driver) Diff(have, want spec.Stream) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add("mode", have.OnDemand != want.OnDemand)
	add("shards", !want.OnDemand && have.Shards != want.Shards)
	add("retention_hours", have.RetentionHours != want.RetentionHours)
	add("kms_key_id", !kmskey.Same(have.KMSKeyID, want.KMSKeyID))
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags))
	return changes
}

func (d *Driver) arn(name string) string {
	return fmt.Sprintf("arn:%s:kinesis:%s:%s:stream/%s", d.c.Partition(), d.c.Region(), d.c.AccountID(), name)
}

// leaving reports whether the stream that holds the name is being deleted, or gone by now.
func (d *Driver) leaving(ctx context.Context, name string) bool {
	s, err := d.describe(ctx, name)
	return err == nil && (s == nil || s.StreamStatus == types.StreamStatusDeleting)
}

func inUse(err error) bool { return awsapi.Is(err, "ResourceInUseException") }

// tooManyStreamChanges reports Kinesis's limits on concurrent stream operations and on their rate; retry [AWS 2.2
// CreateStream].
func tooManyStreamChanges(err error) bool {
	return awsapi.Is(err, "LimitExceededException") &&
		awsapi.MessageHas(err, "simultaneously be in CREATING", "Rate exceeded for stream")
}

func mode(onDemand bool) *types.StreamModeDetails {
	if onDemand {
		return &types.StreamModeDetails{StreamMode: types.StreamModeOnDemand}
	}
	return &types.StreamModeDetails{StreamMode: types.StreamModeProvisioned}
}
