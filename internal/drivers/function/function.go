// Package function knows Lambda functions on provided.al2023, with their
// resource policy and their asynchronous-invocation settings. It must not know
// what a function does, nor where its code comes from.
package function

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Outputs that say which of a function's satellites exist, so that a refresh does not ask for those that do not.
const (
	permissionsOutput = "permissions"
	asyncOutput       = "async"
)

// Driver implements assembly.Driver and assembly.Waiter for functions; the ID is the function's name.
type Driver struct{ c *awsapi.Clients }

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the function, its resource policy and its asynchronous settings; the latter two only where they are
// recorded, before the function is recorded, and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Function], error) {
	all := ref.ID == "" || ref.Full
	var out *lambda.GetFunctionOutput
	var permissions []spec.Permission
	var async *spec.AsyncConfig
	calls, callCtx := errgroup.WithContext(ctx)
	calls.Go(func() (err error) {
		out, err = d.c.Lambda().GetFunction(callCtx, &lambda.GetFunctionInput{FunctionName: &ref.Name})
		return err
	})
	if all || ref.Outputs[permissionsOutput] != "" {
		calls.Go(func() (err error) {
			permissions, err = d.permissions(callCtx, ref.Name)
			return err
		})
	}
	if all || ref.Outputs[asyncOutput] != "" {
		calls.Go(func() (err error) {
			async, err = d.async(callCtx, ref.Name)
			return err
		})
	}
	err := calls.Wait()
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Function]{
		Spec:  specOf(out.Configuration),
		Extra: isUpdated(out.Configuration.State, out.Configuration.LastUpdateStatus),
	}
	o.Spec.Permissions, o.Spec.Async = permissions, async
	o.Identity = identity(out.Configuration.FunctionName, out.Configuration.FunctionArn, o.Spec)
	o.Owner, o.Spec.Tags = ownertag.Split(out.Tags, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	out, err := d.c.Lambda().GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &ref.Name})
	if err != nil {
		return ownertag.Owner(nil, awsapi.IsNotFound(err), err)
	}
	return ownertag.Owner(out.Tags, false, nil)
}

// Create makes the function with its tags, then its permissions and asynchronous settings.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Function) (assembly.Identity, error) {
	if err := checkKept(nil, want); err != nil {
		return assembly.Identity{}, err
	}
	zip, err := want.Code()
	if err != nil {
		return assembly.Identity{}, fmt.Errorf("reading its code: %w", err)
	}
	var out *lambda.CreateFunctionOutput
	err = d.retry(ctx, "waiting until Lambda can assume the function's role", func(ctx context.Context) (err error) {
		out, err = d.c.Lambda().CreateFunction(ctx, createInput(ref, want, zip))
		return err
	})
	if awsapi.Is(err, "ResourceConflictException") && awsapi.MessageHas(err, "already exist") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	id := identity(out.FunctionName, out.FunctionArn, want)
	if len(want.Permissions) == 0 && want.Async == nil {
		return id, nil
	}
	if err := d.waitUpdated(ctx, ref.Name, isUpdated(out.State, out.LastUpdateStatus)); err != nil {
		return id, err
	}
	if err := d.updatePermissions(ctx, ref.Name, nil, want.Permissions); err != nil {
		return id, err
	}
	if want.Async != nil {
		return id, d.putAsync(ctx, ref.Name, *want.Async)
	}
	return id, nil
}

// Update sends the configuration, the code, the permissions and the rest, each only when it changed, and waits between
// writes until the function takes the next.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Function],
	want spec.Function,
	changes []assembly.Change,
) (assembly.Identity, error) {
	id := have.Identity
	if err := checkKept(have.Spec.Environment, want); err != nil {
		return id, err
	}
	want.Environment = keeping(have.Spec, want)
	updated, _ := have.Extra.(bool)
	for _, s := range steps(changes) {
		if err := d.waitUpdated(ctx, ref.Name, updated); err != nil {
			return id, err
		}
		var err error
		switch s {
		case configuration:
			updated, err = d.updateConfiguration(ctx, ref.Name, want)
		case code:
			updated, err = d.updateCode(ctx, ref.Name, want)
		case permissions:
			err = d.updatePermissions(ctx, ref.Name, have.Spec.Permissions, want.Permissions)
		case async:
			err = d.updateAsync(ctx, ref.Name, want.Async)
		case tagging:
			err = d.updateTags(ctx, have.ARN, have.Spec.Tags, want.Tags)
		}
		if err != nil {
			return id, err
		}
	}
	id.Outputs = outputs(want)
	return id, nil
}

// A step is a write that one or more changes need.
type step int

// Steps in the order they are made: new code may need new configuration, at least its handler.
const (
	configuration step = iota
	code
	permissions
	async
	tagging
)

func steps(changes []assembly.Change) []step {
	var list []step
	for _, c := range changes {
		switch c.Field {
		case "code", "architecture":
			list = append(list, code)
		case "permissions":
			list = append(list, permissions)
		case "async":
			list = append(list, async)
		case "tags":
			list = append(list, tagging)
		default:
			list = append(list, configuration)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// updateConfiguration reports whether the function takes the next write at once.
func (d *Driver) updateConfiguration(ctx context.Context, name string, want spec.Function) (bool, error) {
	var out *lambda.UpdateFunctionConfigurationOutput
	err := d.retry(
		ctx,
		"waiting until Lambda takes the function's configuration",
		func(ctx context.Context) (err error) {
			out, err = d.c.Lambda().UpdateFunctionConfiguration(ctx, configurationInput(name, want))
			return err
		},
	)
	if err != nil {
		return false, err
	}
	return isUpdated(out.State, out.LastUpdateStatus), nil
}

// updateCode sends the archive, and with it the architecture, which Lambda changes in no other call.
func (d *Driver) updateCode(ctx context.Context, name string, want spec.Function) (bool, error) {
	zip, err := want.Code()
	if err != nil {
		return false, fmt.Errorf("reading its code: %w", err)
	}
	var out *lambda.UpdateFunctionCodeOutput
	err = d.retry(ctx, "waiting until Lambda takes the function's code", func(ctx context.Context) (err error) {
		out, err = d.c.Lambda().UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName:  &name,
			ZipFile:       zip,
			Architectures: []types.Architecture{types.Architecture(want.Architecture)},
		})
		return err
	})
	if err != nil {
		return false, err
	}
	return isUpdated(out.State, out.LastUpdateStatus), nil
}

func (d *Driver) updateTags(ctx context.Context, arn string, have, want map[string]string) error {
	return ownertag.Retag(have, want,
		func(add map[string]string) error {
			_, err := d.c.Lambda().TagResource(ctx, &lambda.TagResourceInput{Resource: &arn, Tags: add})
			return err
		},
		func(drop []string) error {
			_, err := d.c.Lambda().UntagResource(ctx, &lambda.UntagResourceInput{Resource: &arn, TagKeys: drop})
			return err
		})
}

// Delete removes the function and with it its permissions and settings.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.retry(ctx, "waiting until the function can be deleted", func(ctx context.Context) error {
		_, err := d.c.Lambda().DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &ref.Name})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

func identity(name, arn *string, spec spec.Function) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(name), ARN: aws.ToString(arn), Outputs: outputs(spec)}
}

func outputs(spec spec.Function) map[string]string {
	if len(spec.Permissions) == 0 && spec.Async == nil {
		return nil
	}
	o := map[string]string{}
	if len(spec.Permissions) > 0 {
		o[permissionsOutput] = "yes"
	}
	if spec.Async != nil {
		o[asyncOutput] = "yes"
	}
	return o
}
