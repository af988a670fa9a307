// Package loggroup knows CloudWatch log groups. It must not know who writes to
// a group.
package loggroup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// conflictTimeout bounds the wait until another change of the group is done.
const conflictTimeout = time.Minute

// batch is the most groups that a request may name [DescribeLogGroups, logGroupIdentifiers].
const batch = 50

// Driver implements assembly.Driver for log groups; the ID is the group's name.
type Driver struct {
	c *awsapi.Clients
}

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the group, during a pass together with the others; its tags only before it is recorded and for full
// reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.LogGroup], error) {
	group, ok, err := assembly.Together(ctx, spec.KindLogGroup, ref, d.describe)
	if !ok || err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.LogGroup]{
		Identity: identity(group),
		Owner:    ref.Owner,
		Spec: spec.LogGroup{
			RetentionDays: aws.ToInt32(group.RetentionInDays),
			KMSKeyID:      aws.ToString(group.KmsKeyId),
		},
	}
	if ref.Brief() {
		return o, nil
	}
	tags, err := d.tags(ctx, ref.Name)
	if err != nil {
		return nil, fmt.Errorf("reading its tags: %w", err)
	}
	o.Owner, o.Spec.Tags = ownertag.Split(tags, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, ref.Name)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

// tags reads the tags of a group, during a pass once also for the streams in it.
func (d *Driver) tags(ctx context.Context, name string) (map[string]string, error) {
	return assembly.Shared(ctx, "tags of log group "+name, func(ctx context.Context) (map[string]string, error) {
		arn := d.arn(name)
		out, err := d.c.Logs().ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		return out.Tags, nil
	})
}

func (d *Driver) arn(name string) string { return d.c.ARN("logs", "log-group:"+name) }

// describe reads recorded groups with one call, and looks by name for those that it does not give.
func (d *Driver) describe(ctx context.Context, refs []assembly.Ref) (map[string]types.LogGroup, error) {
	found := make(map[string]types.LogGroup, len(refs))
	var recorded, left []string
	for _, ref := range refs {
		if ref.ID != "" {
			recorded = append(recorded, ref.Name)
		}
	}
	for some := range slices.Chunk(recorded, batch) {
		if err := d.named(ctx, some, found); err != nil {
			return nil, err
		}
	}
	for _, ref := range refs {
		if _, ok := found[ref.Name]; !ok {
			left = append(left, ref.Name)
		}
	}
	return found, d.look(ctx, left, found)
}

// named adds the groups of these names. One that is not there is looked for by look as well: AWS does not document what
// it answers then, and a service that does not know the parameter gives groups that nobody asked for.
func (d *Driver) named(ctx context.Context, names []string, found map[string]types.LogGroup) error {
	if len(names) < 2 {
		return nil
	}
	out, err := d.c.Logs().DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupIdentifiers: names})
	if awsapi.IsNotFound(err) || awsapi.Is(err, "InvalidParameterException") {
		return nil
	}
	if err != nil {
		return err
	}
	for _, group := range out.LogGroups {
		found[aws.ToString(group.LogGroupName)] = group
	}
	return nil
}

// look adds groups with one call for all whose names begin alike up to their last dash, as those of a pipeline's
// functions do. AWS lists what begins with a prefix; when others have so many groups there that ours are not on the
// first page, each is asked for.
func (d *Driver) look(ctx context.Context, wanted []string, found map[string]types.LogGroup) error {
	alike := map[string][]string{}
	for _, name := range wanted {
		prefix := name[:strings.LastIndexByte(name, '-')+1]
		alike[prefix] = append(alike[prefix], name)
	}
	for prefix, names := range alike {
		complete := false
		if len(names) > 1 && prefix != "" {
			var err error
			if complete, err = d.list(ctx, prefix, found); err != nil {
				return err
			}
		}
		for _, name := range names {
			if _, ok := found[name]; ok || complete {
				continue
			}
			if _, err := d.list(ctx, name, found); err != nil { // in order, so that it is the first
				return err
			}
		}
	}
	return nil
}

// list adds one page of the groups whose names begin with a prefix, and reports whether there are no more.
func (d *Driver) list(ctx context.Context, prefix string, found map[string]types.LogGroup) (bool, error) {
	out, err := d.c.Logs().DescribeLogGroups(ctx,
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &prefix, Limit: aws.Int32(50)})
	if err != nil {
		return false, err
	}
	for _, group := range out.LogGroups {
		found[aws.ToString(group.LogGroupName)] = group
	}
	return aws.ToString(out.NextToken) == "", nil
}

// Create makes the group with its tags, then sets its retention.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.LogGroup) (assembly.Identity, error) {
	in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &ref.Name, Tags: ownertag.Tags(ref.Owner, want.Tags)}
	if want.KMSKeyID != "" {
		in.KmsKeyId = &want.KMSKeyID
	}
	err := d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.Logs().CreateLogGroup(ctx, in)
		return err
	})
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	// The create call answers nothing at all.
	id := assembly.Identity{ID: ref.Name, ARN: d.arn(ref.Name)}
	if want.RetentionDays == 0 {
		return id, nil
	}
	return id, d.retain(ctx, ref.Name, want.RetentionDays)
}

// retain sets for how long events are kept; zero days mean forever.
func (d *Driver) retain(ctx context.Context, name string, days int32) error {
	err := d.retry(ctx, func(ctx context.Context) (err error) {
		if days == 0 {
			_, err = d.c.Logs().
				DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &name})
		} else {
			_, err = d.c.Logs().
				PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name,
					RetentionInDays: &days})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("setting its retention: %w", err)
	}
	return nil
}

// Update changes everything in place. Another key is used for new events only.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.LogGroup],
	want spec.LogGroup,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		var err error
		switch c.Field {
		case "retention_days":
			err = d.retain(ctx, ref.Name, want.RetentionDays)
		case "kms_key_id":
			err = d.encrypt(ctx, ref.Name, want.KMSKeyID)
		case "tags":
			err = d.retag(ctx, have.ARN, have.Spec.Tags, want.Tags)
		default:
			err = ownertag.Unknown(c)
		}
		if err != nil {
			return have.Identity, err
		}
	}
	return have.Identity, nil
}

func (d *Driver) encrypt(ctx context.Context, name, key string) error {
	return d.retry(ctx, func(ctx context.Context) (err error) {
		if key == "" {
			_, err = d.c.Logs().DisassociateKmsKey(ctx, &cloudwatchlogs.DisassociateKmsKeyInput{LogGroupName: &name})
		} else {
			_, err = d.c.Logs().
				AssociateKmsKey(ctx, &cloudwatchlogs.AssociateKmsKeyInput{LogGroupName: &name, KmsKeyId: &key})
		}
		return err
	})
}

func (d *Driver) retag(ctx context.Context, arn string, have, want map[string]string) error {
	return ownertag.Retag(have, want,
		func(add map[string]string) error {
			_, err := d.c.Logs().TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: add})
			return err
		},
		func(drop []string) error {
			_, err := d.c.Logs().
				UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: drop})
			return err
		})
}

// Delete removes the group and its events.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.Logs().DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &ref.Name})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names retention_days, kms_key_id and tags.
func (d *Driver) Diff(have, want spec.LogGroup) []assembly.Change {
	var changes []assembly.Change
	if have.RetentionDays != want.RetentionDays {
		changes = append(changes, assembly.Change{Field: "retention_days"})
	}
	if !kmskey.Same(have.KMSKeyID, want.KMSKeyID) {
		changes = append(changes, assembly.Change{Field: "kms_key_id"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}

// retry repeats what AWS refuses while another change of the group is under way.
func (d *Driver) retry(ctx context.Context, call func(context.Context) error) error {
	return d.c.Retry(ctx, "waiting until another change of the log group is done", conflictTimeout,
		func(err error) bool { return awsapi.Is(err, "OperationAbortedException") }, call)
}

// identity has the ARN of the group itself: the older field ends in ":*", for all its streams, which the tag API
// refuses.
func identity(group types.LogGroup) assembly.Identity {
	return assembly.Identity{
		ID:  aws.ToString(group.LogGroupName),
		ARN: strings.TrimSuffix(aws.ToString(group.Arn), ":*"),
	}
}
