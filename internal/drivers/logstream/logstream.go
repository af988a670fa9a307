// Package logstream is the driver of the streams of CloudWatch log groups. A stream carries no token: it is ours when
// its group is. It must not know who writes to a stream.
package logstream

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/loggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes log streams. Ref.Name and Ref.ID are "group|stream".
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a stream with one call, and its group for the owner before it is recorded and for full reads. An absent
// group means an absent stream.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.LogStream], error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return nil, err
	}
	in := &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: &names[0], LogStreamNamePrefix: &names[1]}
	out, err := d.c.Logs().DescribeLogStreams(ctx, in)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// The streams come in order, so that one with the whole name is the first.
	if len(out.LogStreams) == 0 || aws.ToString(out.LogStreams[0].LogStreamName) != names[1] {
		return nil, nil
	}
	o := &assembly.Observed[spec.LogStream]{Identity: d.identity(ref.Name, names), Owner: ref.Owner}
	if ref.Brief() {
		return o, nil
	}
	owner, exists, err := d.Owner(ctx, ref)
	if err != nil || !exists {
		return nil, err
	}
	o.Owner = owner
	return o, nil
}

// Owner implements [assembly.OwnerReader]: whoever owns the group owns its streams.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	group, _, _ := strings.Cut(ref.Name, "|")
	token, exists, err = loggroup.New(d.c).Owner(ctx, assembly.Ref{Name: group})
	if err != nil {
		err = fmt.Errorf("reading its log group: %w", err)
	}
	return token, exists, err
}

// Container implements [assembly.Contained]: a stream goes with its group.
func (*Driver) Container(ref assembly.Ref) (kind, id string) {
	group, _, _ := strings.Cut(ref.Name, "|")
	return spec.KindLogGroup, group
}

func (d *Driver) identity(name string, names []string) assembly.Identity {
	return assembly.Identity{ID: name, ARN: d.c.ARN("logs", "log-group:"+names[0]+":log-stream:"+names[1])}
}

// Create makes the stream.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.LogStream) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	in := &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &names[0], LogStreamName: &names[1]}
	_, err = d.c.Logs().CreateLogStream(ctx, in)
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name, names), nil
}

// Update is never called: a stream has no settings.
func (*Driver) Update(
	_ context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.LogStream],
	_ spec.LogStream,
	_ []assembly.Change,
) (assembly.Identity, error) {
	return have.Identity, nil
}

// Delete removes the stream and its events.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return err
	}
	in := &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: &names[0], LogStreamName: &names[1]}
	_, err = d.c.Logs().DeleteLogStream(ctx, in)
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff finds nothing: a stream has no settings.
func (*Driver) Diff(_, _ spec.LogStream) []assembly.Change { return nil }
